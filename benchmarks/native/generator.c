// generator --to PORT [--path /] [--connections 64] [--length BYTES] [--host NAME]
// Opens the connections, sends one request on each, prints "ready", and then obeys lines on standard input:
//   go SECONDS        closed loop: every connection sends its next request as soon as it has the answer
//   go SECONDS RATE   open loop: RATE requests a second are due at fixed times, whatever the answers do, and a latency
//                     counts from the time the request was due (no "coordinated omission": a stall is charged to every
//                     request that it delays)
// Each ends with one line of JSON. The end of the input ends the program; until then the connections stay open.
#include "histogram.h"
#include "response.h"
#include <getopt.h>
#include <sys/prctl.h>

#define CHUNK (256 * 1024)
#define GRACE_NS 5000000000u  // how long the last answers may take

struct connection {
  int fd;
  uint64_t due_ns;  // when the request in flight was to be sent; 0: none is in flight
  struct response response;
};

static struct {
  uint16_t port;
  const char *path, *host;
  size_t connections;
  int64_t length;
} options = {.path = "/", .host = "127.0.0.1", .connections = 64, .length = -1};

static struct {
  uint64_t requests, errors, in_flight, begun_ns, ended_ns;
  struct histogram latency;
} run;

static int epoll;
static char request[2048], chunk[CHUNK];
static size_t request_length;
static struct connection *connections;
static struct connection **idle;  // a ring: the connection that is free for longest goes first
static size_t idle_first, idle_count;

static void put_idle(struct connection *connection) {
  idle[(idle_first + idle_count++) % options.connections] = connection;
}

static struct connection *take_idle(void) {
  struct connection *connection = idle[idle_first];
  idle_first = (idle_first + 1) % options.connections;
  idle_count--;
  return connection;
}

static void open_connection(struct connection *connection) {
  if ((connection->fd = connect_loopback(options.port)) < 0) die("connect");
  connection->due_ns = 0;
  connection->response.in_body = 0;
  connection->response.head_length = 0;
}

static void fail(struct connection *connection) {
  run.errors++;
  if (connection->due_ns) run.in_flight--;
  close(connection->fd);
  open_connection(connection);
  set_nonblocking(connection->fd);
  watch(epoll, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
  put_idle(connection);
}

static void send_request(struct connection *connection, uint64_t due_ns) {
  connection->due_ns = due_ns;
  run.in_flight++;
  ssize_t put = send(connection->fd, request, request_length, MSG_NOSIGNAL);
  if (put != (ssize_t)request_length) fail(connection);
}

// Reads what has come. Returns 1 when a response is complete.
static int receive(struct connection *connection) {
  // Of a large body only the length matters: MSG_TRUNC lets TCP drop the bytes instead of copying them (tcp(7)).
  int drop = connection->response.in_body && connection->response.body_left > HEAD_MAX;
  size_t room = drop && connection->response.body_left < CHUNK ? connection->response.body_left : CHUNK;
  ssize_t got = recv(connection->fd, chunk, room, drop ? MSG_TRUNC : 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) {
    // A server may close an idle connection at any time (RFC 9112 section 9.3); only a request in flight is lost.
    if (got == 0 && !connection->due_ns) run.errors--;
    fail(connection);
    return 0;
  }
  enum outcome outcome = INCOMPLETE;
  if (drop) connection->response.body_left -= (uint64_t)got;
  else outcome = take(&connection->response, chunk, (size_t)got, options.length);
  if (drop && connection->response.body_left == 0) {
    connection->response.in_body = 0;
    connection->response.head_length = 0;
    outcome = COMPLETE;
  }
  if (outcome == WRONG || (outcome == COMPLETE && !connection->due_ns)) fail(connection);
  return outcome == COMPLETE;
}

// One request on each connection, one after the other, so that both sides are warm before anything is measured.
static void warm_up(void) {
  for (size_t i = 0; i < options.connections; i++) {
    struct connection *connection = &connections[i];
    open_connection(connection);
    if (send(connection->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) die("send");
    enum outcome outcome = INCOMPLETE;
    while (outcome == INCOMPLETE) {
      ssize_t got = recv(connection->fd, chunk, CHUNK, 0);
      if (got <= 0) die("no answer to the first request");
      outcome = take(&connection->response, chunk, (size_t)got, options.length);
    }
    if (outcome == WRONG) {
      fprintf(stderr, "wrong answer to the first request: %.60s\n", connection->response.head);
      exit(1);
    }
    set_nonblocking(connection->fd);
    watch(epoll, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
    put_idle(connection);
  }
}

// Sends what is due. Returns the time until the next event of the schedule, in nanoseconds.
static uint64_t send_due(uint64_t now, uint64_t end, double interval, uint64_t *sent) {
  if (interval == 0) {
    while (now < end && idle_count) send_request(take_idle(), now);
    return now < end ? end - now : 0;
  }
  for (;;) {
    uint64_t due = run.begun_ns + (uint64_t)((double)*sent * interval);
    if (due >= end) return 0;
    if (due > now) return due - now;
    if (!idle_count) return end - now > 1000000 ? 1000000 : end - now;  // an answer will free one
    send_request(take_idle(), due);
    ++*sent;
  }
}

static void drive(double seconds, double rate) {
  memset(&run, 0, sizeof run);
  double interval = rate > 0 ? 1e9 / rate : 0;
  uint64_t sent = 0, now = run.begun_ns = now_ns(), end = now + (uint64_t)(seconds * 1e9);
  struct epoll_event events[EVENTS_PER_WAIT];
  for (;;) {
    uint64_t wait = send_due(now, end, interval, &sent);
    if (wait == 0 && run.in_flight == 0) break;
    if (now > end + GRACE_NS) break;
    if (wait == 0) wait = 100000000;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
    int ready = epoll_pwait2(epoll, events, EVENTS_PER_WAIT, &timeout, NULL);
    now = now_ns();
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (!receive(connection)) continue;
      now = now_ns();
      record(&run.latency, now > connection->due_ns ? now - connection->due_ns : 0);
      run.requests++;
      run.in_flight--;
      connection->due_ns = 0;
      if (interval == 0 && now < end) send_request(connection, now);
      else put_idle(connection);
    }
  }
  run.ended_ns = now_ns();
  run.errors += run.in_flight;  // those that were never answered
}

static void report(void) {
  double shares[] = {0.5, 0.9, 0.99, 0.999};
  printf("{\"requests\": %lu, \"errors\": %lu, \"seconds\": %.6f, \"latency_us\": [", run.requests, run.errors,
         (double)(run.ended_ns - run.begun_ns) / 1e9);
  for (unsigned i = 0; i < 4; i++) printf("%.3f, ", (double)percentile(&run.latency, shares[i]) / 1e3);
  printf("%.3f]}\n", (double)run.latency.max / 1e3);
  fflush(stdout);
}

static void read_options(int count, char **arguments) {
  static const struct option known[] = {{"to", 1, NULL, 't'},     {"path", 1, NULL, 'p'}, {"connections", 1, NULL, 'c'},
                                        {"length", 1, NULL, 'l'}, {"host", 1, NULL, 'h'}, {NULL, 0, NULL, 0}};
  for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
    if (option == 't') options.port = (uint16_t)atoi(optarg);
    else if (option == 'p') options.path = optarg;
    else if (option == 'c') options.connections = strtoul(optarg, NULL, 10);
    else if (option == 'l') options.length = atoll(optarg);
    else if (option == 'h') options.host = optarg;
    else exit(2);
  }
  if (!options.port || !options.connections) {
    fprintf(stderr, "usage: generator --to PORT [--path /] [--connections N] [--length BYTES] [--host NAME]\n");
    exit(2);
  }
}

int main(int count, char **arguments) {
  read_options(count, arguments);
  prctl(PR_SET_TIMERSLACK, 1ul);  // an open loop wakes when a request is due, not 50 us later
  request_length = (size_t)snprintf(request, sizeof request,
                                    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: generator\r\nAccept: */*\r\n\r\n",
                                    options.path, options.host);
  connections = allocate(options.connections, sizeof *connections);
  idle = allocate(options.connections, sizeof *idle);
  if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");
  warm_up();
  printf("ready\n");
  fflush(stdout);
  char line[128];
  while (fgets(line, sizeof line, stdin)) {
    double seconds = 0, rate = 0;
    if (sscanf(line, "go %lf %lf", &seconds, &rate) < 1) {
      fprintf(stderr, "not understood: %s", line);
      return 2;
    }
    drive(seconds, rate);
    report();
  }
  return 0;
}
