//! After a 101: bytes both ways, in whatever protocol was agreed on. What the client sent too early was held until now.

use crate::body::Relay;
use crate::buffer::Buffer;
use crate::connection::Connection;
use crate::transport::Stream;
use std::future::poll_fn;
use std::task::{Context, Poll};
use steelyard_http::{Framing, Limits};

/// The memory of an exchange that has become a tunnel. The response's head waits in `to_client`.
pub struct Tunnel<'a> {
    pub to_server: &'a mut Relay,
    pub to_client: &'a mut Relay,
    pub client_in: &'a mut Buffer,
    pub server_in: &'a mut Buffer,
}

/// Run until both sides have ended, one is gone, or nothing has moved for `limit_ms`. Returns how it ended.
pub async fn run(connection: &mut Connection, server: &mut Stream, tunnel: Tunnel<'_>, limit_ms: u64) -> &'static str {
    tunnel.to_server.clear();
    tunnel.to_server.begin(Framing::UntilClose, Framing::UntilClose, Limits::default());
    tunnel.to_client.begin(Framing::UntilClose, Framing::UntilClose, Limits::default());
    let Tunnel { to_server, to_client, client_in, server_in } = tunnel;
    let mut ended = (false, false);
    let mut moved = u64::MAX;
    poll_fn(|cx| {
        let up = (&mut *to_server, &mut *client_in, &mut ended.0);
        if poll_way(cx, up, &mut connection.stream, server).is_err() {
            return Poll::Ready("client-gone");
        }
        let down = (&mut *to_client, &mut *server_in, &mut ended.1);
        if poll_way(cx, down, server, &mut connection.stream).is_err() {
            return Poll::Ready("server-reset");
        }
        if ended == (true, true) {
            return Poll::Ready("ok");
        }
        if connection.timer.fired() {
            return Poll::Ready("tunnel-timeout");
        }
        let total = to_server.moved.wrapping_add(to_client.moved);
        if moved != total {
            moved = total;
            connection.timer.set(connection.worker.clock.refresh() / 1000, limit_ms);
        }
        connection.timer.register(cx.waker());
        Poll::Pending
    })
    .await
}

/// One direction; when its sender has ended, its receiver is told.
fn poll_way(
    cx: &mut Context<'_>,
    (relay, input, ended): (&mut Relay, &mut Buffer, &mut bool),
    from: &mut Stream,
    to: &mut Stream,
) -> Result<(), ()> {
    if *ended {
        return Ok(());
    }
    match relay.poll(cx, from, input, to) {
        Poll::Ready(Ok(())) => match to.poll_shutdown(cx) {
            Poll::Ready(shut) => {
                *ended = true;
                shut.map_err(|_| ())
            }
            Poll::Pending => Ok(()),
        },
        Poll::Ready(Err(_)) => Err(()),
        Poll::Pending => Ok(()),
    }
}
