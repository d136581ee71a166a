//! Random in proportion to the weights, in constant time: the alias method (Walker, 1977; Vose: "A linear algorithm for
//! generating random numbers with a given distribution", IEEE Trans. Software Eng. 1991).
//!
//! The eligible servers are columns of equal height. A column is filled by its own server up to a mark and by one other,
//! its alias, above it; the weights of all columns together are those of the servers. A draw is a column and a height.
//! All in integers: the shares are exact to 2^-64, and every language builds the same table.

use super::{Field, Needs};
use crate::{chance::draws, choice::Choice, server::ServerIndex};

pub(super) const NEEDS: Needs = Needs { weight: true, ..Needs::NOTHING };

#[derive(Debug)]
pub(crate) struct WeightedRandom {
    columns: Box<[Column]>,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    own: ServerIndex,
    alias: ServerIndex,
    /// Heights of 2^64 below this are the column's own.
    mark: u64,
}

impl WeightedRandom {
    pub(super) fn build(field: &Field) -> Self {
        let n = field.eligible.len() as u64;
        let height: u64 = field.eligible_servers().map(|server| u64::from(server.weight())).sum();
        // Scaled by n, so that the mean is the height of a column.
        let mut left: Vec<u64> = field.eligible_servers().map(|server| u64::from(server.weight()) * n).collect();
        let mut columns: Vec<Column> =
            field.eligible.iter().map(|&own| Column { own, alias: own, mark: u64::MAX }).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..left.len()).partition(|&i| left[i] < height);
        while let (Some(low), Some(&high)) = (small.pop(), large.last()) {
            columns[low].mark = ((u128::from(left[low]) << 64) / u128::from(height)) as u64;
            columns[low].alias = columns[high].own;
            left[high] -= height - left[low];
            if left[high] < height {
                large.pop();
                small.push(high);
            }
        }
        Self { columns: columns.into() }
    }

    pub(super) fn pick(&self, field: &Field, choice: &Choice) -> Option<ServerIndex> {
        field.first_usable(choice, draws(choice.random).map(|random| self.at(random)))
    }

    /// The upper half of the product is the column, the lower half, uniform as well, the height in it.
    fn at(&self, random: u64) -> ServerIndex {
        let product = u128::from(random) * self.columns.len() as u128;
        let column = self.columns[(product >> 64) as usize];
        if (product as u64) < column.mark { column.own } else { column.alias }
    }
}
