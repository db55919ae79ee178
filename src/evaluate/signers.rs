//! Distinct signers: which children can be satisfied by different people at once.

use std::collections::BTreeSet;

/// Identifiers of the signers of one alternative.
pub(super) type SignerSet = BTreeSet<String>;

/// The search was cut off by the budget.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exceeded;

/// The largest number, up to `enough`, of children that can be satisfied by pairwise distinct
/// signers, and, where `every` way is asked for, the union of signers for each way to reach exactly
/// `enough`: else the search stops at the first.
///
/// An exact search, never greedy: a child with alternatives A and B must not take the A that its
/// sibling needs.
pub(super) fn distinct(
    children: &[Vec<SignerSet>],
    enough: usize,
    every: bool,
    most_steps: u64,
) -> Result<(usize, Vec<SignerSet>), Exceeded> {
    let mut search =
        Search { children, enough, every, steps: most_steps, best: 0, unions: BTreeSet::new() };
    search.descend(0, 0, &SignerSet::new())?;
    Ok((search.best, search.unions.into_iter().collect()))
}

/// Every way to satisfy all children at once, whoever the signers are.
pub(super) fn product(children: &[Vec<SignerSet>], most: u64) -> Result<Vec<SignerSet>, Exceeded> {
    let mut all = BTreeSet::from([SignerSet::new()]);
    for alternatives in children {
        let mut next = BTreeSet::new();
        for so_far in &all {
            for alternative in alternatives {
                next.insert(so_far.union(alternative).cloned().collect());
                if next.len() as u64 > most {
                    return Err(Exceeded);
                }
            }
        }
        all = next;
    }
    Ok(all.into_iter().collect())
}

struct Search<'a> {
    children: &'a [Vec<SignerSet>],
    enough: usize,
    every: bool,
    steps: u64,
    best: usize,
    unions: BTreeSet<SignerSet>,
}

impl Search<'_> {
    fn descend(&mut self, at: usize, count: usize, used: &SignerSet) -> Result<(), Exceeded> {
        if !self.every && self.best == self.enough {
            return Ok(());
        }
        self.steps = self.steps.checked_sub(1).ok_or(Exceeded)?;
        self.best = self.best.max(count);
        if count == self.enough {
            self.unions.insert(used.clone());
            return Ok(());
        }
        let Some(alternatives) = self.children.get(at) else {
            return Ok(());
        };
        // Not even all that are left would do better than what was found.
        let reachable = count + (self.children.len() - at);
        if reachable < self.enough && reachable <= self.best {
            return Ok(());
        }
        for alternative in alternatives {
            if alternative.is_disjoint(used) {
                let union = used.union(alternative).cloned().collect();
                self.descend(at + 1, count + 1, &union)?;
            }
        }
        self.descend(at + 1, count, used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(children: &[&[&str]]) -> Vec<Vec<SignerSet>> {
        children
            .iter()
            .map(|alternatives| {
                alternatives.iter().map(|ids| ids.split(' ').map(str::to_owned).collect()).collect()
            })
            .collect()
    }

    fn best(children: &[&[&str]], enough: usize) -> usize {
        distinct(&sets(children), enough, true, 1000).unwrap().0
    }

    #[test]
    fn one_signer_counts_once() {
        assert_eq!(best(&[&["a"], &["a"]], 2), 1);
        assert_eq!(best(&[&["a"], &["b"]], 2), 2);
        assert_eq!(best(&[&["a x"], &["b x"]], 2), 1);
    }

    #[test]
    fn the_match_is_maximal_and_not_greedy() {
        assert_eq!(best(&[&["a", "b"], &["a"]], 2), 2);
        assert_eq!(best(&[&["a", "b"], &["a"], &["b", "c"]], 3), 3);
        assert_eq!(best(&[&["a"], &[], &["b"]], 2), 2);
    }

    #[test]
    fn an_all_subtree_contributes_its_whole_set() {
        let pair = product(&sets(&[&["a"], &["b"]]), 10).unwrap();
        assert_eq!(distinct(&[pair, sets(&[&["b"]]).remove(0)], 2, true, 100).unwrap().0, 1);
    }

    #[test]
    fn a_search_that_grows_too_large_is_cut_off() {
        let wide: Vec<&str> = vec!["a", "b", "c", "d", "e", "f", "g", "h"];
        let children: Vec<&[&str]> = vec![&wide; 9];
        assert_eq!(distinct(&sets(&children), 9, true, 1000), Err(Exceeded));
        assert_eq!(product(&sets(&[&["a", "b"], &["c", "d"]]), 3), Err(Exceeded));
    }
    /// Marsaglia's xorshift64.
    fn below(state: &mut u64, limit: usize) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        usize::try_from(*state % limit as u64).unwrap()
    }

    /// Every choice of an alternative, or none, of every child.
    fn brute_force(children: &[Vec<SignerSet>], enough: usize) -> (usize, BTreeSet<SignerSet>) {
        let mut choices = vec![(0, SignerSet::new())];
        for alternatives in children {
            let mut next = choices.clone();
            for (count, used) in &choices {
                for alternative in alternatives.iter().filter(|a| a.is_disjoint(used)) {
                    next.push((count + 1, used.union(alternative).cloned().collect()));
                }
            }
            choices = next;
        }
        let best = choices.iter().map(|(count, _)| *count).max().unwrap_or(0);
        let unions = choices.into_iter().filter(|(count, _)| *count == enough);
        (best.min(enough), unions.map(|(_, union)| union).collect())
    }

    #[test]
    fn the_search_finds_what_trying_everything_finds() {
        let mut state = 0x00c0_ffee;
        for round in 0..20_000 {
            let children: Vec<Vec<SignerSet>> = (0..=below(&mut state, 5))
                .map(|_| {
                    (0..below(&mut state, 4))
                        .map(|_| {
                            (0..=below(&mut state, 2))
                                .map(|_| ["a", "b", "c", "d", "e"][below(&mut state, 5)].to_owned())
                                .collect()
                        })
                        .collect()
                })
                .collect();
            let enough = 1 + below(&mut state, children.len());
            let (best, unions) = distinct(&children, enough, true, u64::MAX).unwrap();
            let (expected, ways) = brute_force(&children, enough);
            assert_eq!(best, expected, "round {round}: {enough} of {children:?}");
            assert_eq!(
                unions.into_iter().collect::<BTreeSet<_>>(),
                ways,
                "round {round}: {enough} of {children:?}"
            );
        }
    }
}
