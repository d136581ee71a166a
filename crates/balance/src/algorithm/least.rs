//! What `least-connections`, `weighted-least-connections` and `peak-ewma` share: the least loaded server is taken, and among
//! equally loaded ones each in its turn.
//!
//! In turn means by virtual time, stride scheduling (Waldspurger, Weihl, MIT 1995): a server's turn moves its time on by a
//! stride, long for a light server, and the smallest time is next. So idle servers are used in proportion to their weights
//! and not in the order of the configuration. The floor (`Live::advance`) keeps a server that was busy, away or not yet
//! there from claiming its past turns in a burst.
//!
//! Few servers are compared one by one, which needs no state beside the servers' own; many are kept in a [`Tournament`].

use super::{Field, Tournament, rooms::Found};
use crate::{
    choice::Choice,
    server::{Server, ServerIndex},
};
use std::{cmp::Ordering, sync::Arc};

/// Up to here looking at every server costs less than keeping an order (docs/decisions/0010-small-pools-are-scanned.md).
const SCAN_MAX: usize = 16;

/// The stride of the heaviest server, so weights are honoured to 1/65536. The longest, at a millionth of its weight, is
/// 2^36, far from the half round within which times can be told apart.
const STRIDE: u64 = 1 << 16;

/// How an algorithm compares two servers.
#[derive(Debug)]
pub(crate) struct Order {
    /// Whether turns among equally loaded servers follow the weights.
    pub(super) weighted: bool,
    pub(super) reads_latency: bool,
    pub(super) by_load: fn(&Server, &Server) -> Ordering,
}

impl Order {
    /// Total: no two servers are equal. A full server comes after all that are not.
    pub(super) fn compare(&self, servers: &[Server], a: ServerIndex, b: ServerIndex) -> Ordering {
        let (x, y) = (&servers[a as usize], &servers[b as usize]);
        let by_turn = || x.live().cmp_turn(y.live()).then(a.cmp(&b));
        x.is_full().cmp(&y.is_full()).then_with(|| (self.by_load)(x, y)).then_with(by_turn)
    }
}

#[derive(Debug)]
pub(crate) struct Least {
    order: &'static Order,
    strides: Box<[u64]>,
    tournament: Option<Arc<Tournament>>,
}

impl Least {
    pub(super) fn build(field: &Field, order: &'static Order) -> Self {
        Self::with_scan_max(field, order, SCAN_MAX)
    }

    pub(super) fn with_scan_max(field: &Field, order: &'static Order, scan_max: usize) -> Self {
        let most = field.eligible_servers().map(Server::weight).max().unwrap_or(1);
        let stride = |server: &Server| match order.weighted {
            true => (STRIDE * u64::from(most) / u64::from(server.weight())).max(1),
            false => STRIDE,
        };
        let strides: Box<[u64]> = field.servers.iter().map(stride).collect();
        field.servers.iter().zip(&strides).for_each(|(server, &stride)| server.live().introduce(stride));
        let tournament = (field.eligible.len() > scan_max).then(|| Arc::new(Tournament::build(field, order)));
        Self { order, strides, tournament }
    }

    pub(super) fn pick(&self, field: &Field, choice: &Choice) -> Option<ServerIndex> {
        let first = self.tournament.as_ref().and_then(|tournament| tournament.first_usable(field, choice));
        // The order may lag behind threads that are changing it just now: that there is none is found out by looking.
        first.or_else(|| self.look(field, choice))
    }

    /// The best of those that have room.
    fn look(&self, field: &Field, choice: &Choice) -> Option<ServerIndex> {
        let Some(rooms) = field.rooms() else { return self.scan(field, choice) };
        if rooms.are_none() {
            return None;
        }
        match rooms.search(field, choice, 0) {
            Found::Nobody => None,
            // Who may be better is among those behind it that may have room.
            Found::Server(_) | Found::Unknown => self.scan(field, choice),
        }
    }

    fn scan(&self, field: &Field, choice: &Choice) -> Option<ServerIndex> {
        let usable = field.eligible.iter().copied().filter(|&index| field.is_usable(index, choice));
        usable.min_by(|&a, &b| self.order.compare(&field.servers, a, b))
    }

    pub(super) fn acquired(&self, field: &Field, index: ServerIndex) {
        let live = field.server(index).live();
        live.advance(self.strides[index as usize]);
        if let Some(tournament) = &self.tournament {
            tournament.refresh(live.slot());
        }
        field.live.changed(live.slot(), self.tournament.as_ref());
    }

    pub(super) fn publish(&self, field: &Field) {
        field.servers.iter().zip(&self.strides).for_each(|(server, &stride)| server.live().restride(stride));
        field.live.keep_order(self.tournament.as_ref(), self.order.reads_latency);
        // After it is known to those who change loads: what they changed before is seen now, what they change from now on
        // they refresh themselves.
        if let Some(tournament) = &self.tournament {
            tournament.refresh_all();
        }
    }

    pub(super) fn retire(&self, field: &Field) {
        if let Some(tournament) = &self.tournament {
            field.live.drop_order(tournament);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{least_connections, peak_ewma, weighted_least_connections};
    use super::*;
    use crate::{
        lease::Lease,
        pool::Pool,
        spec::{AlgorithmName, ServerSpec},
        support::{Numbers, choice, pool, server, spec},
    };

    const ORDERS: [(AlgorithmName, &Order); 3] = [
        (AlgorithmName::LeastConnections, &least_connections::ORDER),
        (AlgorithmName::WeightedLeastConnections, &weighted_least_connections::ORDER),
        (AlgorithmName::PeakEwma, &peak_ewma::ORDER),
    ];

    fn servers(numbers: &mut Numbers, count: usize) -> Vec<ServerSpec> {
        let mut servers: Vec<_> = (0..count).map(|i| server(&i.to_string(), 1 + numbers.below(5) as u32)).collect();
        for server in &mut servers {
            server.eligible = numbers.below(10) > 0;
            server.max_connections = numbers.below(4) as u32;
        }
        servers
    }

    /// The obvious way is the oracle of the quick one: whatever happens, the tournament names whom the scan names, and
    /// all its games are decided rightly.
    #[test]
    fn tournament_and_scan_agree() {
        let mut numbers = Numbers(11);
        for (name, order) in ORDERS {
            for count in [1, 2, 3, 17, 100] {
                let pool = pool(&spec(name, servers(&mut numbers, count)));
                let field = pool.field();
                let quick = Least::with_scan_max(field, order, 0);
                quick.publish(field);
                let mut running: Vec<Lease> = Vec::new();
                for now_ms in 0..2_000 {
                    let tried: Vec<ServerIndex> = (0..numbers.below(4)).map(|_| numbers.below(count) as u32).collect();
                    let choice = Choice { tried: &tried, ..choice(now_ms) };
                    let picked = quick.pick(field, &choice);
                    assert_eq!(picked, quick.scan(field, &choice), "{name:?} of {count}, step {now_ms}");
                    if let Some(index) = picked {
                        assert!(field.server(index).acquire());
                        quick.acquired(field, index);
                        running.push(Lease::new(field.server(index).live(), index, false));
                    }
                    while running.len() > numbers.below(count * 2 + 1) {
                        let lease = running.swap_remove(numbers.below(running.len()));
                        if numbers.below(2) == 0 { lease.finish(now_ms, numbers.next() % 10_000) } else { drop(lease) }
                    }
                    assert!(quick.tournament.as_ref().is_none_or(|tree| tree.is_settled()), "{name:?}, step {now_ms}");
                }
            }
        }
    }

    #[test]
    fn turns_go_on_where_virtual_time_goes_round() {
        let mut spec =
            spec(AlgorithmName::WeightedLeastConnections, (0..3).map(|i| server(&i.to_string(), 1)).collect());
        let before = pool(&spec);
        before.field().live.set_virtual_time(u64::MAX - 5 * STRIDE);
        spec.servers[0].weight = 2;
        let pool = Pool::build(&spec, Some(&before)).unwrap();
        pool.published();
        let mut taken = [0_i32; 3];
        for turn in 1..=100 {
            taken[pool.choose(&choice(turn)).unwrap().server() as usize] += 1;
            let turn = turn as i32;
            assert!((taken[0] * 2 - turn).abs() <= 4 && (taken[1] * 4 - turn).abs() <= 8, "{taken:?}");
        }
        assert!(before.field().live.virtual_time() < 100 * STRIDE, "it went round");
    }

    /// Threads that choose and release at once leave the order right and the counts at zero.
    #[test]
    fn tournament_is_right_after_a_storm() {
        for (name, order) in ORDERS {
            let pool = pool(&spec(name, (0..50).map(|i| server(&i.to_string(), 1 + i % 3)).collect()));
            let field = pool.field();
            let quick = Least::with_scan_max(field, order, 0);
            quick.publish(field);
            std::thread::scope(|scope| {
                for thread in 0..4_u64 {
                    let quick = &quick;
                    scope.spawn(move || {
                        let mut running = Vec::new();
                        for step in 0..20_000 {
                            let index = quick.pick(field, &choice(step)).unwrap();
                            assert!(field.server(index).acquire());
                            quick.acquired(field, index);
                            running.push(Lease::new(field.server(index).live(), index, false));
                            if running.len() > 20 {
                                running.swap_remove((step % 20) as usize).finish(step, 100 * thread + step % 7);
                            }
                        }
                    });
                }
            });
            assert!(quick.tournament.as_ref().is_some_and(|tree| tree.is_settled()), "{name:?}");
            assert!(field.servers.iter().all(|server| server.live().active() == 0));
        }
    }
}
