// relay UPSTREAM_PORT: the floor of every comparison. Each client connection is paired with one upstream connection, and
// bytes are copied between the two without being read: recv, send, recv, send for a request, and a shared epoll_wait.
// It has no pool, no parser, no log and no timeouts: what a proxy costs above it, is the proxy.
#include "common.h"

#define CHUNK (64 * 1024)

struct end {
  int fd;
  int finished;         // it has sent its FIN, and all it sent was passed on
  uint32_t events;      // what epoll watches for
  struct end *peer;
  char *waiting;        // bytes that this end's socket did not take yet; then the peer is not read
  size_t waiting_from, waiting_to;
};

struct pair {
  struct end client, upstream;
  struct pair *next_closed;
};

static int epoll;
static char chunk[CHUNK];
static struct pair *closed;  // freed only after the batch of events that may still name them

static struct pair *pair_of(struct end *end) {
  struct end *client = end->peer < end ? end->peer : end;
  return (struct pair *)client;  // `client` is the first member
}

static void want(struct end *end) {
  uint32_t events = 0;
  if (!end->finished && !end->peer->waiting) events |= EPOLLIN;
  if (end->waiting) events |= EPOLLOUT;
  if (events == end->events) return;
  end->events = events;
  watch(epoll, EPOLL_CTL_MOD, end->fd, events, end);
}

static void close_pair(struct end *end) {
  struct pair *pair = pair_of(end);
  if (pair->client.fd < 0) return;
  close(pair->client.fd);
  close(pair->upstream.fd);
  free(pair->client.waiting);
  free(pair->upstream.waiting);
  pair->client.fd = pair->upstream.fd = -1;
  pair->next_closed = closed;
  closed = pair;
}

// Passes what `source` has sent to its peer. Returns 0 when the pair is at its end.
static int pump(struct end *source) {
  struct end *target = source->peer;
  ssize_t got = recv(source->fd, chunk, sizeof chunk, 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) {
    source->finished = 1;
    shutdown(target->fd, SHUT_WR);
    want(source);
    return !target->finished;
  }
  ssize_t put = send(target->fd, chunk, (size_t)got, MSG_NOSIGNAL);
  if (put < 0) {
    if (errno != EAGAIN && errno != EINTR) return 0;
    put = 0;
  }
  if (put < got) {
    target->waiting_from = 0;
    target->waiting_to = (size_t)(got - put);
    target->waiting = allocate(1, target->waiting_to);
    memcpy(target->waiting, chunk + put, target->waiting_to);
    want(target);
    want(source);
  }
  return 1;
}

static int flush(struct end *end) {
  ssize_t put = send(end->fd, end->waiting + end->waiting_from, end->waiting_to - end->waiting_from, MSG_NOSIGNAL);
  if (put < 0) return errno == EAGAIN || errno == EINTR;
  end->waiting_from += (size_t)put;
  if (end->waiting_from == end->waiting_to) {
    free(end->waiting);
    end->waiting = NULL;
    want(end);
    want(end->peer);
  }
  return 1;
}

static void accept_pair(int listener, uint16_t upstream_port) {
  int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0) return;
  int upstream = connect_loopback(upstream_port);
  if (upstream < 0) {
    close(client);
    return;
  }
  set_nonblocking(upstream);
  set_nodelay(client);
  struct pair *pair = allocate(1, sizeof *pair);
  pair->client = (struct end){.fd = client, .events = EPOLLIN, .peer = &pair->upstream};
  pair->upstream = (struct end){.fd = upstream, .events = EPOLLIN, .peer = &pair->client};
  watch(epoll, EPOLL_CTL_ADD, client, EPOLLIN, &pair->client);
  watch(epoll, EPOLL_CTL_ADD, upstream, EPOLLIN, &pair->upstream);
}

static void serve(struct end *end, uint32_t events) {
  if (end->fd < 0) return;
  int alive = 1;
  if ((events & EPOLLOUT) && end->waiting) alive = flush(end);
  if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !end->finished && !end->peer->waiting) alive = pump(end);
  if (alive && (events & EPOLLERR)) alive = 0;
  if (!alive) close_pair(end);
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: relay UPSTREAM_PORT\n");
    return 2;
  }
  uint16_t upstream_port = (uint16_t)atoi(arguments[1]);
  int listener = listen_loopback(0);
  if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");
  watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
  announce_port(listener);
  struct epoll_event events[EVENTS_PER_WAIT];
  for (;;) {
    int ready = epoll_wait(epoll, events, EVENTS_PER_WAIT, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr) serve(events[i].data.ptr, events[i].events);
      else accept_pair(listener, upstream_port);
    }
    while (closed) {
      struct pair *next = closed->next_closed;
      free(closed);
      closed = next;
    }
  }
}
