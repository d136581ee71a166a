//! Whom a client would get now, and why, in one sentence for people. Nothing is changed by asking.

use crate::{
    choice::{Choice, NoServer},
    pool::Pool,
    server::ServerIndex,
    spec::{AffinitySpec, AlgorithmName},
};

impl Pool {
    /// The server that [`Pool::choose`] would choose with the same arguments, and the reason. Where chance decides, the
    /// server is that of the given random number.
    pub fn peek(&self, choice: &Choice) -> (Option<ServerIndex>, String) {
        if self.servers().is_empty() {
            return (None, "the pool has no servers".into());
        }
        let (prefix, found) = match self.bound(choice, true) {
            Some(bound) if !self.may_keep(bound, choice) => {
                let id = self.server(bound).id();
                (
                    format!("bound to {id} by {}, which may not keep its clients now; ", self.bond()),
                    self.pick(choice, true),
                )
            }
            Some(bound) if self.server(bound).is_full() => {
                let id = self.server(bound).id();
                let reason =
                    format!("bound to {id} by {}, and waits for it: {}", self.bond(), NoServer::BoundFull(bound));
                return (None, reason);
            }
            Some(bound) => return (Some(bound), format!("bound to {} by {}", self.server(bound).id(), self.bond())),
            None => (String::new(), self.pick(choice, true)),
        };
        match found {
            Ok(index) => (Some(index), prefix + &self.because(index, choice)),
            Err(error) => (None, prefix + &error.to_string()),
        }
    }

    fn bond(&self) -> &'static str {
        match self.spec().affinity {
            Some(AffinitySpec::Cookie { .. }) => "its cookie",
            _ => "its address",
        }
    }

    fn because(&self, index: ServerIndex, choice: &Choice) -> String {
        let server = self.server(index);
        let (active, weight, n) = (server.live().active(), server.weight(), self.eligible().len());
        let name = self.spec().algorithm.as_str();
        let client = choice.client.map_or("no client address, so chance".into(), |client| client.to_string());
        match self.spec().algorithm {
            AlgorithmName::RoundRobin => format!("{name}: next in turn of {n} eligible"),
            AlgorithmName::WeightedRoundRobin => format!("{name}: next in turn of {n} eligible, with weight {weight}"),
            AlgorithmName::LeastConnections => format!("{name}: {active} active, the fewest of {n} eligible"),
            AlgorithmName::WeightedLeastConnections => {
                format!("{name}: {active} active for weight {weight}, the fewest of {n} eligible")
            }
            AlgorithmName::Random => format!("{name}: drawn from {n} eligible"),
            AlgorithmName::WeightedRandom => format!("{name}: drawn from {n} eligible, with weight {weight}"),
            AlgorithmName::SourceHash => format!("{name}: by the hash of the client ({client}) over {n} eligible"),
            AlgorithmName::Maglev => format!("{name}: by the table place of the client ({client}), {n} eligible"),
            AlgorithmName::PowerOfTwo => {
                format!("{name}: {active} active for weight {weight}, the less loaded of two drawn from {n} eligible")
            }
            AlgorithmName::PeakEwma => match server.live().ewma_us(choice.now_ms) {
                0.0 => format!("{name}: no answer seen yet, so it is tried ({active} active, {n} eligible)"),
                mean => format!(
                    "{name}: {:.1} ms decayed latency and {active} active, the lowest cost of {n} eligible",
                    mean / 1000.0
                ),
            },
        }
    }
}
