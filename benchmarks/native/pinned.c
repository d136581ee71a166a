// pinned PARENT CORE DESCRIPTORS PROGRAM ARGUMENTS…: becomes PROGRAM, bound to one core, with room for that many descriptors,
// and asked to end (SIGTERM) as soon as the benchmark that started it, process PARENT, is gone, however it went.
#include "common.h"
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

int main(int count, char **arguments) {
  if (count < 5) {
    fprintf(stderr, "usage: pinned PARENT CORE DESCRIPTORS PROGRAM [ARGUMENT…]\n");
    return 2;
  }
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET((unsigned)atoi(arguments[2]), &cores);
  if (sched_setaffinity(0, sizeof cores, &cores) < 0) die("sched_setaffinity");

  struct rlimit limit;
  rlim_t wanted = (rlim_t)strtoul(arguments[3], NULL, 10);
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) die("getrlimit");
  limit.rlim_cur = wanted;
  if (limit.rlim_max < wanted) limit.rlim_max = wanted;  // root may; others keep the hard limit they have
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) die("setrlimit");
  }

  if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) die("PR_SET_PDEATHSIG");
  if (getppid() != atoi(arguments[1])) return 1;  // it went before we had asked
  execvp(arguments[4], arguments + 4);
  die(arguments[4]);
}
