//! The plane without Python, for profilers: `serve SNAPSHOT.json [THREADS [LOG]]` serves until its input ends.

use std::io::Read;
use steelyard_dataplane::{Engine, LogOptions, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let snapshot = arguments.next().ok_or("usage: serve SNAPSHOT.json [THREADS [LOG]]")?;
    let threads = arguments.next().map_or(Ok(1), |threads| threads.parse())?;
    let log = arguments.next().map(|target| LogOptions { target, format: "combined".into() });
    let engine = Engine::start(Options { threads, log })?;
    engine.apply(serde_json::from_str(&std::fs::read_to_string(snapshot)?)?)?;
    println!("{:?}", engine.addresses());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    println!("{}", serde_json::to_string(&engine.report())?);
    Ok(())
}
