//! One client connection from accept to close.

use crate::worker::Worker;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Give the connection a task of its own; a panic in it ends this connection and no other.
pub fn spawn(worker: &Rc<Worker>, service: Arc<str>, stream: TcpStream, peer: SocketAddr) {
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        let _open = worker.shared.open();
        let _ = (worker.service(&service), stream, peer);
    });
}
