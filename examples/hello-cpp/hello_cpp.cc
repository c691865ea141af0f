/* hello_cpp.cc - a plugin in C++17: a producer that appends each event to the file FOLDER/TOPIC, as a line of hex. What C++ adds
 * to ../hello/hello.c:
 *
 *   - No exception leaves an op: each one runs inside `guarded`, which turns an exception into a status.
 *   - The tables are constexpr, so that no code runs when the host loads the file.
 *   - The classes stand in an unnamed namespace: of two plugins with a class of one name, each keeps its own. */
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <system_error>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help.h>

namespace {

struct Settings {
    const char *folder;
};

/* Why a message could not be stored: EB_RETRIABLE, or EB_PERMANENT. */
struct Refused {
    std::int32_t status;
    std::string why;
};

/* Runs an op, and returns what it returns; an exception becomes EB_FATAL, after which the host opens a new instance. */
template <typename Op> auto guarded(eb_error *err, Op op) noexcept -> decltype(op()) {
    try {
        return op();
    } catch (const std::bad_alloc &) {
        return ebp_no_memory(err);
    } catch (const std::exception &error) {
        return ebp_error_of_kind(err, EB_FATAL, EB_KIND_SYSTEM, 0, "%s", error.what());
    }
}

class Hello {
  public:
    Hello(const eb_host *given_host, const Settings *settings) : host(given_host), folder(settings->folder) {
        ebp_link_init(&link, host);
        if (!ebp_cond_wakeup_open(&wakeup))
            throw std::system_error(errno, std::generic_category(), "cannot make a condition variable");
    }
    Hello(const Hello &) = delete;
    Hello &operator=(const Hello &) = delete;
    ~Hello() {
        ebp_cond_wakeup_close(&wakeup);
    }

    /* Reports each message once. After a failure the rest fails too, since no message may overtake one of its key. */
    void submit(const eb_message *const *batch, std::size_t n) {
        eb_error why{};
        for (std::size_t i = 0; i < n; i++) {
            eb_delivery delivery{};
            std::string position;
            if (why.status != EB_RETRIABLE)
                position = store(*batch[i], why);
            delivery.size = sizeof delivery;
            delivery.token = batch[i]->token;
            delivery.status = why.status;
            delivery.error = why.status == EB_OK ? nullptr : &why;
            if (why.status == EB_OK)
                delivery.position = ebp_text(position.data(), position.size());
            host->delivered(host, &delivery);
        }
    }

    /* Tells the host, once for each change, whether the folder is there. */
    void poll(std::int32_t timeout_ms) {
        std::error_code failed;
        std::filesystem::create_directory(folder, failed);
        if (failed) {
            eb_error why;
            ebp_error(&why, EB_RETRIABLE, failed.value(), "cannot use folder %s: %s", folder.c_str(), failed.message().c_str());
            ebp_link_down(&link, &why);
        } else {
            ebp_link_up(&link);
        }
        ebp_cond_wakeup_wait(&wakeup, timeout_ms);
        ebp_cond_wakeup_take(&wakeup);
    }

    void wake() noexcept {
        ebp_cond_wakeup_signal(&wakeup);
    }

  private:
    /* Returns the position; fills why.status, also with EB_OK. */
    std::string store(const eb_message &message, eb_error &why) noexcept {
        try {
            why.status = EB_OK;
            return append(message);
        } catch (const Refused &refused) {
            ebp_error(&why, refused.status, 0, "%s", refused.why.c_str());
        } catch (const std::exception &error) {
            ebp_error_of_kind(&why, EB_RETRIABLE, EB_KIND_SYSTEM, 0, "%s", error.what());
        }
        return {};
    }

    std::string append(const eb_message &message) const {
        const std::string topic(message.topic.data, message.topic.len);
        if (topic.find('/') != std::string::npos || topic.front() == '.' || topic.size() > 200)
            throw Refused{ EB_PERMANENT, "topic " + topic + " cannot be a file here" };
        std::ofstream file(folder + "/" + topic, std::ios::app | std::ios::binary);
        const std::string line = hex(message.id) + " " + hex(message.key) + " " + hex(message.payload) + "\n";
        file.seekp(0, std::ios::end);
        const auto position = file.tellp();
        if (!file.write(line.data(), static_cast<std::streamsize>(line.size())).flush())
            throw Refused{ EB_RETRIABLE, "cannot append to the file of topic " + topic };
        return std::to_string(position);
    }

    static std::string hex(eb_text text) {
        static constexpr char digits[] = "0123456789abcdef";
        std::string to;
        to.reserve(2 * text.len);
        for (std::size_t i = 0; i < text.len; i++) {
            const auto byte = static_cast<unsigned char>(text.data[i]);
            to += digits[byte >> 4];
            to += digits[byte & 15];
        }
        return to;
    }

    const eb_host *host;
    std::string folder;
    ebp_link link;
    ebp_cond_wakeup wakeup;
};

std::int32_t open(const eb_host *host, const void *settings, void **self, eb_error *err) noexcept {
    return guarded(err, [&]() -> std::int32_t {
        *self = new Hello(host, static_cast<const Settings *>(settings));
        return EB_OK;
    });
}

std::int64_t submit(void *self, const eb_message *const *batch, std::size_t n, eb_error *err) noexcept {
    return guarded(err, [&]() -> std::int64_t {
        static_cast<Hello *>(self)->submit(batch, n);
        return static_cast<std::int64_t>(n);
    });
}

std::int32_t poll(void *self, std::int32_t timeout_ms, eb_error *err) noexcept {
    return guarded(err, [&]() -> std::int32_t {
        static_cast<Hello *>(self)->poll(timeout_ms);
        return EB_OK;
    });
}

void wake(void *self) noexcept {
    static_cast<Hello *>(self)->wake();
}

void close(void *self, std::int32_t) noexcept {
    delete static_cast<Hello *>(self);
}

constexpr eb_option folder_option() {
    eb_option option{};
    option.key = "folder";
    option.type = EB_OPT_TEXT;
    option.fallback = "${STATE}/hello_cpp";
    option.offset = offsetof(Settings, folder);
    option.help = "The folder; made when its parent is there";
    return option;
}

constexpr eb_option options[] = { folder_option() };

constexpr eb_producer_ops producer() {
    eb_producer_ops ops{};
    ops.size = sizeof ops;
    ops.traits = EB_T_ORDER;
    ops.open = open;
    ops.submit = submit;
    ops.poll = poll;
    ops.wake = wake;
    ops.close = close;
    return ops;
}

constexpr eb_plugin plugin() {
    eb_plugin about{};
    about.size = sizeof about;
    about.abi_major = EB_ABI_MAJOR;
    about.abi_minor = EB_ABI_MINOR;
    about.name = "hello_cpp";
    about.version = "1.0";
    about.summary = "Appends events to files, in C++";
    about.options = options;
    about.n_options = 1;
    about.option_size = sizeof options[0];
    about.settings_size = sizeof(Settings);
    return about;
}

} // namespace

constexpr eb_producer_ops eventbus_producer = producer();
constexpr eb_plugin eventbus_plugin = plugin();
