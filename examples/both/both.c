/* both.c - service A and service B in one program, as they are: with the broker of the memory plugin, whose events stay
 * within a program, and with any other one.
 *
 *   both [FILE.ini]
 *
 *   cc -c -Dmain=service_a service-a.c; cc -c -Dmain=service_b service-b.c
 *   cc -o both both.c service-a.o service-b.o $(pkg-config --cflags --libs eventbus) */

/* The main functions of service-a.c and service-b.c, which the build compiles under these names here. */
int service_a(int argc, char **argv);
int service_b(int argc, char **argv);

int main(int argc, char **argv) {
    int status = service_a(argc, argv);

    return status ? status : service_b(argc, argv);
}
