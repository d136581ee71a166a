//! The page of refusals says with which status each word is told.

use super::super::head::MAX_FORWARDS;
use super::{TOO_SLOW, UNSERVED, Unserved, sent, unsent, word};
use crate::counters::FailureKind;
use std::collections::BTreeMap;

const KINDS: [FailureKind; 4] = [FailureKind::Connect, FailureKind::Reset, FailureKind::Timeout, FailureKind::Protocol];

/// Reasons with a status, from the second table of the page.
fn page() -> BTreeMap<String, u16> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/refusals.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, table) = page.split_once("## What ends a request otherwise").unwrap();
    let cells = table.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .filter(|cells| cells.len() > 3 && cells[1].starts_with('`'))
        .filter_map(|cells| cells[2].parse().ok().map(|status| (cells[1].trim_matches('`').to_owned(), status)))
        .collect()
}

#[test]
fn the_page_tells_the_status_of_every_answer_of_ours() {
    let mut told: BTreeMap<String, u16> = BTreeMap::new();
    let unserved = [Unserved::NoneEligible, Unserved::AllTried, Unserved::QueueFull, Unserved::QueueTimeout];
    told.extend(unserved.map(|unserved| (unserved.word().to_owned(), UNSERVED)));
    told.insert(MAX_FORWARDS.1.to_owned(), MAX_FORWARDS.0);
    told.insert("descriptors".to_owned(), UNSERVED);
    told.extend(["header-timeout", "body-timeout", "body-too-slow"].map(|reason| (reason.to_owned(), TOO_SLOW)));
    for (status, reason) in KINDS.into_iter().flat_map(|kind| [unsent(kind), sent(kind)]) {
        let earlier = told.insert(reason.to_owned(), status);
        // A server that cannot be connected to is never one that had the request.
        assert!(earlier.is_none_or(|earlier| earlier == status || reason == word(FailureKind::Connect)), "{reason}");
    }
    told.insert(word(FailureKind::Connect).to_owned(), unsent(FailureKind::Connect).0);
    assert_eq!(page(), told);
}
