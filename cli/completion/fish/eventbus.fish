# Completion of eventbus for fish. `eventbus completion words` knows the words; this script shows them.

function __eventbus_words
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] completion words -- $words[2..-1] 2>/dev/null)
    if test "$lines[1]" = ':files'
        __fish_complete_path (string replace -r -- '^--[^=]*=' '' (commandline -ct))
    else
        printf '%s\n' $lines
    end
end

complete -c eventbus -f -a '(__eventbus_words)'
