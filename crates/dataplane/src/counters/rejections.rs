//! How often something was refused, by reason. Reasons are words of the source, so they are few and need no hashing.

use super::Count;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// More reasons than the source has; past it they are counted as `other` rather than lost.
const PLACES: usize = 64;

/// Places are taken in order by the one writer and never given back; a reader sees those that are taken.
#[derive(Debug)]
pub struct Rejections {
    places: [OnceLock<&'static str>; PLACES],
    counts: [Count; PLACES],
}

impl Rejections {
    pub fn add(&self, reason: &'static str) {
        let found = (0..PLACES - 1).find(|&place| *self.places[place].get_or_init(|| reason) == reason);
        let place = found.unwrap_or(PLACES - 1);
        self.places[place].get_or_init(|| "other");
        self.counts[place].add(1);
    }

    pub(super) fn add_to(&self, totals: &mut BTreeMap<String, u64>) {
        for (place, count) in self.places.iter().zip(&self.counts) {
            if let Some(reason) = place.get() {
                *totals.entry((*reason).to_owned()).or_default() += count.value();
            }
        }
    }
}

impl Default for Rejections {
    fn default() -> Self {
        Self { places: [const { OnceLock::new() }; PLACES], counts: std::array::from_fn(|_| Count::default()) }
    }
}
