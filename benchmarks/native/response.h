// Reads responses just well enough to know where each ends and whether it is the one expected: status 200 and a
// Content-Length (RFC 9112 section 6.2). Every contestant answers so; anything else counts as an error.
#pragma once
#include "common.h"

#define HEAD_MAX 8192

struct response {
  size_t head_length;     // bytes of the header that arrived so far
  uint64_t body_left;     // valid once `in_body`
  int in_body;
  char head[HEAD_MAX];
};

enum outcome { INCOMPLETE, COMPLETE, WRONG };

// The length that the header names, or -1. Field names are compared without case.
static inline int64_t content_length(const char *head, size_t length) {
  const char *name = "content-length:";
  const char *line = head, *end = head + length;
  while ((line = memchr(line, '\n', (size_t)(end - line))) && ++line < end) {
    if ((size_t)(end - line) <= strlen(name) || strncasecmp(line, name, strlen(name)) != 0) continue;
    return strtoll(line + strlen(name), NULL, 10);
  }
  return -1;
}

// Takes bytes that arrived; `expected` is the body's length, or -1 for any.
static inline enum outcome take(struct response *response, const char *bytes, size_t length, int64_t expected) {
  if (!response->in_body) {
    if (response->head_length + length > HEAD_MAX) {
      size_t room = HEAD_MAX - response->head_length;
      if (!memmem(bytes, room, "\r\n\r\n", 4)) return WRONG;
    }
    size_t before = response->head_length, copied = length < HEAD_MAX - before ? length : HEAD_MAX - before;
    memcpy(response->head + before, bytes, copied);
    response->head_length += copied;
    const char *end = memmem(response->head, response->head_length, "\r\n\r\n", 4);
    if (!end) return INCOMPLETE;
    size_t head = (size_t)(end + 4 - response->head);
    int64_t body = content_length(response->head, head);
    if (head < 16 || memcmp(response->head, "HTTP/1.1 200", 12) != 0 || body < 0) return WRONG;
    if (expected >= 0 && body != expected) return WRONG;
    response->in_body = 1;
    response->body_left = (uint64_t)body;
    length -= head - before;
  }
  if (length > response->body_left) return WRONG;  // bytes past the end: nothing more was asked for
  response->body_left -= length;
  if (response->body_left) return INCOMPLETE;
  response->in_body = 0;
  response->head_length = 0;
  return COMPLETE;
}
