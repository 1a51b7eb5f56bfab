// The program that the exec storm runs: does nothing, so that starting it is all the work. Linked statically, without start files.
#include <unistd.h>

void _start(void) { _exit(0); }
