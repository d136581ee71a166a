//! Every hostile message of `tests/hostile/*.json` gets the named answer. The same files are replayed against the
//! real process; cases marked `connection` can only be judged there.

mod support;

use serde::Deserialize;
use steelyard_http::{Framing, Method, Reason};
use support::{Outcome, latin1, take_body, take_reply, take_request};

#[derive(Deserialize)]
struct Table<T> {
    cases: Vec<T>,
}

#[derive(Deserialize)]
struct HostileRequest {
    row: u8,
    name: String,
    bytes: String,
    status: u16,
    reason: Option<String>,
    by: String,
    #[serde(default)]
    present: Vec<String>,
    #[serde(default)]
    absent: Vec<String>,
}

#[derive(Deserialize)]
struct HostileReply {
    name: String,
    method: String,
    bytes: String,
    status: u16,
    reason: Option<String>,
    by: String,
    framing: Option<String>,
    body: Option<String>,
    #[serde(default = "yes")]
    reused: bool,
    #[serde(default)]
    present: Vec<String>,
    #[serde(default)]
    absent: Vec<String>,
}

fn yes() -> bool {
    true
}

fn read<T: for<'de> Deserialize<'de>>(file: &str) -> Vec<T> {
    let path = format!("{}/../../tests/hostile/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str::<Table<T>>(&text).unwrap_or_else(|error| panic!("{path}: {error}")).cases
}

fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect::<String>()
}

fn holds(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

/// What is wrong with one case, if anything; `pieces` feeds it byte by byte.
fn judge(case: &HostileRequest, pieces: bool) -> Result<(), String> {
    let bytes = latin1(&case.bytes);
    let outcome = take_request(&bytes, if pieces { 0..bytes.len() } else { 0..0 });
    match (outcome, case.reason.as_deref()) {
        (Outcome::Rejected(status, reason), Some(expected)) if status == case.status && reason.name() == expected => {
            Ok(())
        }
        (Outcome::Forwarded { head, trailers, .. }, None) if case.status == 200 => {
            let text = shown(&[head, trailers].concat());
            let missing = case.present.iter().find(|part| !holds(&text, part));
            let forbidden = case.absent.iter().find(|part| holds(&text, part));
            match (missing, forbidden) {
                (None, None) => Ok(()),
                (Some(part), _) => Err(format!("{part:?} is missing in {text:?}")),
                (_, Some(part)) => Err(format!("{part:?} stands in {text:?}")),
            }
        }
        (outcome, _) => Err(format!("expected {} {:?}, got {outcome:?}", case.status, case.reason)),
    }
}

#[test]
fn hostile_requests() {
    let cases: Vec<HostileRequest> = read("requests.json");
    let mut faults = Vec::new();
    for case in cases.iter().filter(|case| case.by == "parser") {
        for pieces in [false, true] {
            if let Err(fault) = judge(case, pieces) {
                faults.push(format!(
                    "row {} {} (pieces: {pieces}): {}",
                    case.row,
                    case.name,
                    &fault[..fault.len().min(600)]
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    let rows: std::collections::BTreeSet<u8> = cases.iter().map(|case| case.row).collect();
    assert_eq!(rows, (1..=29).collect(), "every row of the checklist has a case");
}

#[test]
fn every_reason_of_a_request_has_a_hostile_case() {
    let cases: Vec<HostileRequest> = read("requests.json");
    let only_replies = [Reason::BadStatusLine, Reason::BadSwitch];
    for reason in Reason::ALL.iter().filter(|reason| !only_replies.contains(reason)) {
        assert!(cases.iter().any(|case| case.reason.as_deref() == Some(reason.name())), "{reason:?}");
    }
}

fn framing_named(name: &str) -> Framing {
    match name.split_once(' ') {
        Some(("length", length)) => Framing::Length(length.parse().unwrap()),
        _ => match name {
            "none" => Framing::None,
            "chunked" => Framing::Chunked,
            "until-close" => Framing::UntilClose,
            other => panic!("unknown framing {other}"),
        },
    }
}

fn judge_reply(case: &HostileReply) -> Result<(), String> {
    let bytes = latin1(&case.bytes);
    let (head, text) = match (take_reply(&bytes, Method::from_bytes(case.method.as_bytes())), &case.reason) {
        (Err(bad), Some(expected)) if bad.reason.name() == expected && case.status == 502 => return Ok(()),
        (Ok(Some((head, out))), None) => (head, shown(&out)),
        (other, _) => return Err(format!("expected {} {:?}, got {other:?}", case.status, case.reason)),
    };
    if let Some(part) = case.present.iter().find(|part| !holds(&text, part)) {
        return Err(format!("{part:?} is missing in {text:?}"));
    }
    if let Some(part) = case.absent.iter().find(|part| holds(&text, part)) {
        return Err(format!("{part:?} stands in {text:?}"));
    }
    let expected = framing_named(case.framing.as_deref().expect("a reply that is forwarded names its framing"));
    if (head.status, head.framing) != (case.status, expected) {
        return Err(format!("got {} {:?}", head.status, head.framing));
    }
    let rest = &bytes[head.length..];
    let (body, _, used) = take_body(rest, head.framing).map_err(|e| format!("{e:?}"))?.ok_or("truncated")?;
    if body != latin1(case.body.as_deref().expect("a reply that is forwarded names its body")) {
        return Err(format!("body {:?}", shown(&body)));
    }
    let reusable = head.keep_alive && used == rest.len();
    if reusable == case.reused { Ok(()) } else { Err(format!("reusable: {reusable}")) }
}

#[test]
fn hostile_replies() {
    let cases: Vec<HostileReply> = read("replies.json");
    let faults: Vec<String> = cases
        .iter()
        .filter(|case| case.by == "parser")
        .filter_map(|case| {
            judge_reply(case).err().map(|fault| format!("{}: {}", case.name, &fault[..fault.len().min(600)]))
        })
        .collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
