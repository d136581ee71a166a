// origin: an HTTP/1.1 keep-alive server that is as cheap as one can be, so that it is never what is measured.
// It reads a request up to its empty line, looks at the target only, and sends a response that was rendered at the start.
//   /large    a body of 1 MiB              /delay/N  the small body after N milliseconds
//   any other a body of 34 bytes
// Requests with a body are not understood: the benchmarks send none.
#include "common.h"

#define REQUEST_MAX 4096
#define LARGE_BODY (1024 * 1024)
#define SMALL_BODY "a steelyard weighs unequal loads.\n"  // 34 bytes

struct connection {
  int fd;
  uint32_t events;              // what epoll watches for
  size_t request_length;        // bytes of `request` that are filled
  const char *response;         // what is left to send; NULL when nothing is
  size_t response_length;
  uint64_t due_ns;              // a delayed response is sent then; 0: nothing is delayed
  struct connection *next_delayed;
  char request[REQUEST_MAX];
};

static int epoll;
static char *small_response, *large_response;
static size_t small_length, large_length;
static struct connection *delayed;

static char *render(size_t body_length, const char *body, size_t *length) {
  char *response = allocate(1, 256 + body_length);
  int head = snprintf(response, 256,
                      "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                      body_length);
  if (body) memcpy(response + head, body, body_length);
  else memset(response + head, 'x', body_length);
  *length = (size_t)head + body_length;
  return response;
}

static void forget_delay(struct connection *connection) {
  if (!connection->due_ns) return;
  for (struct connection **at = &delayed; *at; at = &(*at)->next_delayed) {
    if (*at != connection) continue;
    *at = connection->next_delayed;
    break;
  }
  connection->due_ns = 0;
}

static void end_connection(struct connection *connection) {
  forget_delay(connection);
  close(connection->fd);
  free(connection);
}

// Sends what is left. Returns 0 when the connection is lost.
static int send_rest(struct connection *connection) {
  ssize_t put = send(connection->fd, connection->response, connection->response_length, MSG_NOSIGNAL);
  if (put < 0) {
    if (errno != EAGAIN && errno != EINTR) return 0;
    put = 0;
  }
  connection->response += put;
  connection->response_length -= (size_t)put;
  if (connection->response_length == 0) connection->response = NULL;
  uint32_t events = connection->response ? EPOLLOUT : EPOLLIN;
  if (events != connection->events) {
    connection->events = events;
    watch(epoll, EPOLL_CTL_MOD, connection->fd, events, connection);
  }
  return 1;
}

// Takes one whole request out of the buffer and begins its response. Returns 1 when it found one, 0 when more bytes
// are needed, -1 when the connection is lost.
static int answer_one(struct connection *connection) {
  char *end = memmem(connection->request, connection->request_length, "\r\n\r\n", 4);
  if (!end) return connection->request_length == REQUEST_MAX ? -1 : 0;
  const char *target = memchr(connection->request, ' ', (size_t)(end - connection->request));
  if (!target) return -1;
  target++;
  uint64_t delay_ms = 0;
  if (strncmp(target, "/large", 6) == 0) {
    connection->response = large_response;
    connection->response_length = large_length;
  } else {
    if (strncmp(target, "/delay/", 7) == 0) delay_ms = strtoul(target + 7, NULL, 10);
    connection->response = small_response;
    connection->response_length = small_length;
  }
  size_t used = (size_t)(end + 4 - connection->request);
  connection->request_length -= used;
  if (connection->request_length) memmove(connection->request, end + 4, connection->request_length);
  if (delay_ms) {
    connection->due_ns = now_ns() + delay_ms * 1000000u;
    connection->next_delayed = delayed;
    delayed = connection;
    return 0;
  }
  return send_rest(connection) ? 1 : -1;
}

// Answers all that has arrived, one after the other (pipelining). Returns 0 when the connection is lost.
static int answer(struct connection *connection) {
  int found = 1;
  while (found > 0 && !connection->response && connection->request_length) found = answer_one(connection);
  return found >= 0;
}

static int receive(struct connection *connection) {
  size_t room = REQUEST_MAX - connection->request_length;
  if (room == 0) return 0;
  ssize_t got = recv(connection->fd, connection->request + connection->request_length, room, 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return 0;
  connection->request_length += (size_t)got;
  return connection->due_ns ? 1 : answer(connection);
}

static void serve(struct connection *connection, uint32_t events) {
  int alive = 1;
  if (events & EPOLLOUT) {
    alive = !connection->response || send_rest(connection);
    if (alive && !connection->response) alive = answer(connection);
  } else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    alive = receive(connection);
  }
  if (!alive) end_connection(connection);
}

// Sends the delayed responses whose time has come. Returns the milliseconds until the next one, -1 when there is none.
static int serve_delayed(void) {
  if (!delayed) return -1;
  uint64_t now = now_ns(), next = UINT64_MAX;
  struct connection *all = delayed;
  delayed = NULL;
  while (all) {
    struct connection *connection = all;
    all = connection->next_delayed;
    if (connection->due_ns > now) {
      if (connection->due_ns < next) next = connection->due_ns;
      connection->next_delayed = delayed;
      delayed = connection;
      continue;
    }
    connection->due_ns = 0;
    if (!send_rest(connection) || !answer(connection)) end_connection(connection);
  }
  return next == UINT64_MAX ? (delayed ? 1 : -1) : (int)((next - now) / 1000000u) + 1;
}

int main(int count, char **arguments) {
  int listener = listen_loopback(count > 1 ? (uint16_t)atoi(arguments[1]) : 0);
  small_response = render(sizeof SMALL_BODY - 1, SMALL_BODY, &small_length);
  large_response = render(LARGE_BODY, NULL, &large_length);
  if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");
  watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
  announce_port(listener);
  struct epoll_event events[EVENTS_PER_WAIT];
  for (;;) {
    int ready = epoll_wait(epoll, events, EVENTS_PER_WAIT, serve_delayed());
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr) {
        serve(events[i].data.ptr, events[i].events);
        continue;
      }
      int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) continue;
      set_nodelay(fd);
      struct connection *connection = allocate(1, sizeof *connection);
      connection->fd = fd;
      connection->events = EPOLLIN;
      watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, connection);
    }
  }
}
