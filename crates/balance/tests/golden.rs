//! The golden vectors of `tests/golden`, whose shape is written in `replay.py` there. Their expectations come from hand or
//! from the Python oracle, never from this crate.

use serde_json::Value;
use std::{collections::BTreeMap, fs, path::PathBuf};
use steelyard_balance::{Choice, Lease, Pool, hash::hash, spec::PoolSpec, spec::ServerSpec};

mod support;

fn files() -> BTreeMap<String, Value> {
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let paths = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    let json = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_slice(&fs::read(&path).unwrap()).unwrap())
    })
    .collect()
}

fn number(value: &Value, otherwise: u64) -> u64 {
    match value {
        Value::String(text) => u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap(),
        _ => value.as_u64().unwrap_or(otherwise),
    }
}

fn servers(value: &Value) -> Vec<ServerSpec> {
    let one = |value: &Value| {
        let eligible = value["eligible"].as_bool().unwrap_or(true);
        ServerSpec {
            eligible,
            keeps: eligible,
            max_connections: number(&value["max_connections"], 0) as u32,
            ..support::server(value["id"].as_str().unwrap(), number(&value["weight"], 1) as u32)
        }
    };
    value.as_array().unwrap().iter().map(one).collect()
}

fn replay(name: &str, vector: &Value) {
    let algorithm = serde_json::from_value(vector["algorithm"].clone()).unwrap();
    let mut spec = PoolSpec {
        hash_mask_v4: number(&vector["hash_mask_v4"], 32) as u8,
        hash_mask_v6: number(&vector["hash_mask_v6"], 64) as u8,
        ..support::spec(algorithm, servers(&vector["servers"]))
    };
    let mut pool = support::pool(&spec);
    let mut running: BTreeMap<String, Vec<Lease>> = BTreeMap::new();
    for (place, step) in vector["steps"].as_array().unwrap().iter().enumerate() {
        let now_ms = number(&step["now_ms"], 0);
        if let Some(update) = step.get("update") {
            spec.servers = servers(update);
            pool = Pool::build(&spec, Some(&pool)).unwrap();
            pool.published();
        } else if let Some(id) = step.get("release") {
            let lease = running.get_mut(id.as_str().unwrap()).and_then(Vec::pop).unwrap();
            match step["latency_us"].as_u64() {
                Some(latency_us) => lease.finish(now_ms, latency_us),
                None => drop(lease),
            }
        } else {
            let excluded = step["exclude"].as_array().cloned().unwrap_or_default();
            let tried: Vec<_> = excluded.iter().filter_map(|id| pool.index_of(id.as_str().unwrap())).collect();
            let client = step["client"].as_str().map(|client| client.parse().unwrap());
            let choice = Choice { client, tried: &tried, now_ms, random: number(&step["random"], 0), mark: None };
            let lease = pool.choose(&choice).ok();
            let id = lease.as_ref().map(|lease| pool.server(lease.server()).id().to_owned());
            assert_eq!(id.as_deref(), step["choose"].as_str(), "{name}, step {place}");
            running.entry(id.unwrap_or_default()).or_default().extend(lease);
        }
    }
}

#[test]
fn every_vector() {
    let vectors: Vec<_> = files().into_iter().filter(|(_, vector)| vector.get("algorithm").is_some()).collect();
    assert!(vectors.len() >= 10);
    vectors.iter().for_each(|(name, vector)| replay(name, vector));
}

#[test]
fn every_hash() {
    let files = files();
    let cases = files["hash"]["hashes"].as_array().unwrap();
    assert!(cases.len() >= 20);
    for case in cases {
        let hexadecimal = case["bytes"].as_str().unwrap();
        let byte = |place: usize| u8::from_str_radix(&hexadecimal[2 * place..2 * place + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hexadecimal.len() / 2).map(byte).collect();
        assert_eq!(hash(&bytes, number(&case["seed"], 0)), number(&case["hash"], 0), "{case}");
    }
}
