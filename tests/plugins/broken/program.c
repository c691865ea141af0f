/* tests/plugins/broken/program.c - is a program, which is position-independent as a shared object is: see Makefile.am. */
int main(void) {
    return 0;
}
