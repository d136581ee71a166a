//! What Python publishes: every pool and service, whole, as JSON. Durations are milliseconds, 0 means "no limit".

use serde::{Deserialize, Serialize};
use steelyard_balance::spec::PoolSpec;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotSpec {
    pub version: u64,
    pub pools: Vec<PoolSpec>,
    pub services: Vec<ServiceSpec>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    pub name: String,
    pub mode: Mode,
    /// `ip:port` or `[v6]:port`; a host name was resolved by Python.
    pub listen: String,
    pub pool: String,
    /// CIDR networks.
    pub trusted_proxies: Vec<String>,
    pub forwarded: bool,
    pub via: String,
    pub request_id: String,
    pub accept_proxy: bool,
    pub send_proxy: SendProxy,
    pub timeouts: Timeouts,
    pub limits: Limits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Proxy,
    Tcp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SendProxy {
    Off,
    V1,
    V2,
}

/// Milliseconds; the words of the configuration's `timeouts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    pub header: u64,
    pub idle: u64,
    pub body: u64,
    pub connect: u64,
    pub response: u64,
    pub stall: u64,
    pub tunnel: u64,
    pub upstream_idle: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub request_line: u32,
    pub header_bytes: u32,
    pub header_count: u32,
    pub connections: u32,
    pub connections_per_client: u32,
    pub body_rate_min: u32,
}
