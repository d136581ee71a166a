//! No descriptor left: what is connected is served, the rest waits in the kernel, and all is well afterwards. The plane
//! runs in a process of its own, whose limit is low.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use support::*;

const CHILD: &str = "STEELYARD_TEST_SPEC";

/// The child's part: serve the spec of the environment until the input ends.
#[test]
fn serve_with_few_descriptors() {
    let Ok(spec) = std::env::var(CHILD) else { return };
    let engine = steelyard_dataplane::Engine::start(steelyard_dataplane::Options { threads: 1, log: None }).unwrap();
    engine.apply(serde_json::from_str(&spec).unwrap()).unwrap();
    println!("\nserving {}", engine.addresses()["www"]);
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    println!("\nrejected {:?}", engine.report().services["www"].rejected);
}

fn start(spec: &Spec, descriptors: u32) -> (Child, std::net::SocketAddr) {
    let program = std::env::current_exe().unwrap();
    let command =
        format!("ulimit -n {descriptors}; exec {} serve_with_few_descriptors --exact --nocapture", program.display());
    let mut child = Command::new("sh")
        .args(["-c", &command])
        .env(CHILD, spec.value().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let address = lines.find_map(|line| line.unwrap().strip_prefix("serving ")?.parse().ok()).unwrap();
    (child, address)
}

#[test]
fn it_keeps_serving_and_recovers() {
    let origin = named("served");
    let (mut child, address) = start(&Spec::of(&origin), 64);
    let mut clients: Vec<Peer> = (0..100).map(|_| Peer::connect(address)).collect();
    for client in &mut clients {
        client.send(GET);
    }
    // The first are served; each that leaves makes room for one that waits.
    for mut client in clients {
        let response = client.response();
        assert!(matches!(response.status(), 200 | 503), "{}", response.head);
    }
    assert_eq!(Peer::connect(address).ask(GET).body, "served");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
