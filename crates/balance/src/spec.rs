//! What Python publishes of one pool: plain data, already judged. Which servers are eligible (health, admin state, tier)
//! was decided in Python's `control.publish`; nothing here decides it again.

use serde::{Deserialize, Serialize};

/// One pool of the snapshot.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PoolSpec {
    pub name: String,
    /// Rises with every change of this pool; an unchanged revision lets the plane keep what it built.
    pub revision: u64,
    pub algorithm: AlgorithmName,
    pub affinity: Option<AffinitySpec>,
    pub queue: QueueSpec,
    pub retry: RetrySpec,
    /// Connections that last for long end with their server: when it is gone or has `cut`.
    #[serde(default)]
    pub cuts: bool,
    /// Leading bits of a client address that count.
    pub hash_mask_v4: u8,
    pub hash_mask_v6: u8,
    /// In configuration order; ids are unique.
    pub servers: Vec<ServerSpec>,
}

/// The names of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlgorithmName {
    RoundRobin,
    WeightedRoundRobin,
    LeastConnections,
    WeightedLeastConnections,
    Random,
    WeightedRandom,
    SourceHash,
    Maglev,
    PowerOfTwo,
    PeakEwma,
}

/// One server. `weight` is the effective weight: Python has scaled it for slow start, so only ratios mean anything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSpec {
    pub id: String,
    /// `ip:port`, `[v6]:port` or `unix:/path`; null while its name is not resolved (then never eligible).
    pub address: Option<String>,
    /// 1 ..= 1_000_000.
    pub weight: u32,
    /// New clients may get it.
    pub eligible: bool,
    /// Clients that affinity bound to it may stay (eligible, or draining and up).
    pub keeps: bool,
    /// Connections that last for long end now.
    #[serde(default)]
    pub cut: bool,
    /// 0: no limit.
    pub max_connections: u32,
    /// The opaque mark of cookie affinity; empty without.
    pub mark: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum AffinitySpec {
    Source { ttl_ms: u64, capacity: u32 },
    Cookie { form: CookieForm, name: String, same_site: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CookieForm {
    Insert,
    Append,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QueueSpec {
    pub size: u32,
    pub timeout_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RetrySpec {
    pub attempts: u32,
    /// Share of all requests, 0.0 ..= 1.0.
    pub budget: f64,
    pub min_per_second: u32,
}
