//! What each algorithm needs to know of a server or a client, as data: the configuration check compares it with what a
//! mode can give (a DNS answer sees no connections) and refuses what cannot work.

use crate::spec::AlgorithmName;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The configured weights; where they are not needed they are ignored.
    pub weight: bool,
    /// How many requests each server has now.
    pub live_load: bool,
    /// How long the servers take to answer.
    pub latency: bool,
    /// The client's address.
    pub address: bool,
}

impl Needs {
    pub const NOTHING: Self = Self { weight: false, live_load: false, latency: false, address: false };

    /// The words for what is needed, as the configuration check and the docs use them.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        [(self.weight, "weight"), (self.live_load, "live-load"), (self.latency, "latency"), (self.address, "address")]
            .into_iter()
            .filter_map(|(needed, word)| needed.then_some(word))
    }
}

impl AlgorithmName {
    pub const ALL: [Self; 10] = [
        Self::RoundRobin,
        Self::WeightedRoundRobin,
        Self::LeastConnections,
        Self::WeightedLeastConnections,
        Self::Random,
        Self::WeightedRandom,
        Self::SourceHash,
        Self::Maglev,
        Self::PowerOfTwo,
        Self::PeakEwma,
    ];

    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::WeightedRoundRobin => "weighted-round-robin",
            Self::LeastConnections => "least-connections",
            Self::WeightedLeastConnections => "weighted-least-connections",
            Self::Random => "random",
            Self::WeightedRandom => "weighted-random",
            Self::SourceHash => "source-hash",
            Self::Maglev => "maglev",
            Self::PowerOfTwo => "power-of-two",
            Self::PeakEwma => "peak-ewma",
        }
    }

    pub fn needs(self) -> Needs {
        match self {
            Self::RoundRobin => super::round_robin::NEEDS,
            Self::WeightedRoundRobin => super::weighted_round_robin::NEEDS,
            Self::LeastConnections => super::least_connections::NEEDS,
            Self::WeightedLeastConnections => super::weighted_least_connections::NEEDS,
            Self::Random => super::random::NEEDS,
            Self::WeightedRandom => super::weighted_random::NEEDS,
            Self::SourceHash => super::source_hash::NEEDS,
            Self::Maglev => super::maglev::NEEDS,
            Self::PowerOfTwo => super::power_of_two::NEEDS,
            Self::PeakEwma => super::peak_ewma::NEEDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_configuration() {
        for name in AlgorithmName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
    }

    #[test]
    fn the_words_of_each() {
        let words = |name: AlgorithmName| name.needs().words().collect::<Vec<_>>().join(" ");
        assert_eq!(words(AlgorithmName::RoundRobin), "");
        assert_eq!(words(AlgorithmName::WeightedLeastConnections), "weight live-load");
        assert_eq!(words(AlgorithmName::PeakEwma), "live-load latency");
        assert_eq!(words(AlgorithmName::Maglev), "weight address");
    }
}
