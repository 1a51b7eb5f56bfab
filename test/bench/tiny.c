// The program that the exec storm runs: does nothing, so that starting it is all the work. Linked as nearly all programs are, with the
// dynamic loader and libc, so that an execution is the usual eight records.
int main(void) { return 0; }
