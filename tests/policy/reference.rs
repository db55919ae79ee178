//! Held against brute force: `select` over random attestations, trees of requirements in
//! three-valued logic, and thresholds over every choice of signers.

use serde_json::{Value, json};

use crate::registry::{
    Registry, VULN, attestation, attested_by, digest, hours_ago, image, policy, requiring,
    signed_by, statement,
};

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// What is known of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    False,
    Unknown,
    True,
}

use Truth::{False, True, Unknown};

impl Truth {
    /// Of a decision.
    fn of(verdict: &str) -> Self {
        match verdict {
            "allow" => True,
            "evidence.unavailable" => Unknown,
            _ => False,
        }
    }
}

/// One attestation.
#[derive(Clone, Copy, Debug)]
struct Made {
    /// Hours; none where it says no time.
    age: Option<i64>,
    good: bool,
    by_ci: bool,
    of_ours: bool,
    withheld: bool,
}

const MOST_AGE: i64 = 100;

impl Made {
    fn random(random: &mut Random) -> Self {
        Self {
            age: [Some(1), Some(1), Some(2), Some(3), Some(101), Some(-1), None][random.below(7)],
            good: random.below(2) == 0,
            by_ci: random.below(5) > 0,
            of_ours: random.below(5) > 0,
            withheld: random.below(6) == 0,
        }
    }

    /// Signed, about this image, and young enough.
    fn counts(self) -> bool {
        self.by_ci && self.of_ours && self.age.is_some_and(|age| (0..=MOST_AGE).contains(&age))
    }

    fn bundle(self, number: usize) -> Vec<u8> {
        let metadata = match self.age {
            Some(age) => json!({ "scanFinishedOn": hours_ago(age) }),
            None => json!({}),
        };
        let predicate = json!({ "metadata": metadata, "good": self.good, "number": number });
        let of = image(if self.of_ours { "app" } else { "other" });
        attested_by(if self.by_ci { "ci" } else { "mallory" }, statement(&of, VULN, &predicate))
    }
}

/// As design §4 says it, over every one of them.
fn select(all: &[Made], select: &str) -> Truth {
    let withheld = all.iter().any(|made| made.withheld);
    let counted: Vec<_> = all.iter().filter(|m| !m.withheld && m.counts()).collect();
    let youngest = counted.iter().filter_map(|m| m.age).min();
    let good = counted.iter().any(|m| m.good);
    let bad = counted.iter().any(|m| !m.good);
    match select {
        "any" if good => True,
        "all" if bad => False,
        _ if withheld => Unknown,
        "all" if good => True,
        "latest" => {
            let mut latest = counted.iter().filter(|m| m.age == youngest).peekable();
            let some = latest.peek().is_some();
            if some && latest.all(|m| m.good) { True } else { False }
        }
        _ => False,
    }
}

#[test]
fn selection_is_what_brute_force_says() {
    let mut random = Random(0x5e1ec7);
    let policies: Vec<_> = ["any", "all", "latest"]
        .into_iter()
        .map(|select| {
            let age = format!("{MOST_AGE}h");
            let conditions = json!([{ "cel": "predicate.good" }]);
            let fields = json!({ "select": select, "maxAge": age, "conditions": conditions });
            (select, attestation(fields))
        })
        .collect();
    let mut seen = [0; 3];
    for round in 0..200 {
        let count = random.below(5);
        let all: Vec<_> = (0..count).map(|_| Made::random(&mut random)).collect();
        let mut registry = Registry::new();
        for (number, made) in all.iter().enumerate() {
            let blob = registry.attach(&made.bundle(number));
            if made.withheld {
                registry.withhold(&blob);
            }
        }
        for (name, policy) in &policies {
            let expected = select(&all, name);
            let verdict = registry.decide(policy).verdict();
            assert_eq!(Truth::of(&verdict), expected, "{round}: {name} of {all:?}: {verdict}");
            seen[expected as usize] += 1;
        }
    }
    println!("policy: {seen:?} selections are false, unknown, true");
    assert!(seen.iter().all(|n| *n > 50), "{seen:?}");
}

/// Signers by authority: who may sign for whom.
const PEOPLE: [&str; 4] = ["ann", "bob", "cem", "dee"];

/// An authority is a set of people, any of whom signs for it.
#[derive(Clone, Debug)]
enum Tree {
    Authority(usize),
    All(Vec<Self>),
    Any(Vec<Self>),
    AtLeast(usize, Vec<Self>),
}

impl Tree {
    fn random(random: &mut Random, depth: usize, authorities: usize) -> Self {
        let kind = if depth == 0 { 0 } else { random.below(4) };
        if kind == 0 {
            return Self::Authority(random.below(authorities));
        }
        let count = 1 + random.below(3);
        let of: Vec<_> = (0..count).map(|_| Self::random(random, depth - 1, authorities)).collect();
        match kind {
            1 => Self::All(of),
            2 => Self::Any(of),
            _ => Self::AtLeast(1 + random.below(of.len()), of),
        }
    }

    fn write(&self) -> Value {
        let list = |of: &[Self]| of.iter().map(Self::write).collect::<Vec<_>>();
        match self {
            Self::Authority(n) => json!(format!("a{n}")),
            Self::All(of) => json!({ "all": list(of) }),
            Self::Any(of) => json!({ "any": list(of) }),
            Self::AtLeast(count, of) => json!({ "atLeast": count, "of": list(of) }),
        }
    }

    /// Every set of people who together satisfy it, as bits; `signed` are those who have.
    fn sets(&self, authorities: &[Vec<usize>], signed: u32) -> Vec<u32> {
        let mut sets = match self {
            Self::Authority(n) => {
                let of = authorities[*n].iter();
                of.filter(|p| signed >> **p & 1 == 1).map(|p| 1 << *p).collect()
            }
            Self::Any(of) => of.iter().flat_map(|t| t.sets(authorities, signed)).collect(),
            Self::All(of) => of.iter().fold(vec![0], |found, tree| {
                let more = tree.sets(authorities, signed);
                found.iter().flat_map(|a| more.iter().map(move |b| a | b)).collect()
            }),
            Self::AtLeast(count, of) => {
                let mut found = Vec::new();
                let of: Vec<_> = of.iter().map(|t| t.sets(authorities, signed)).collect();
                distinct(&of, *count, 0, &mut found);
                found
            }
        };
        sets.sort_unstable();
        sets.dedup();
        sets
    }

    /// Each child is what it is by itself; nobody who is withheld has signed for sure.
    fn truth(&self, authorities: &[Vec<usize>], signed: u32, withheld: u32) -> Truth {
        match self {
            Self::Authority(_) => {
                let known = !self.sets(authorities, signed).is_empty();
                // Whoever cannot be looked at may be anybody.
                if known {
                    True
                } else if withheld > 0 {
                    Unknown
                } else {
                    False
                }
            }
            Self::All(of) => {
                of.iter().map(|t| t.truth(authorities, signed, withheld)).min().unwrap()
            }
            Self::Any(of) => {
                of.iter().map(|t| t.truth(authorities, signed, withheld)).max().unwrap()
            }
            Self::AtLeast(count, of) => {
                let children: Vec<_> =
                    of.iter().map(|t| (t, t.truth(authorities, signed, withheld))).collect();
                let holding: Vec<_> = children
                    .iter()
                    .filter(|(_, truth)| *truth == True)
                    .map(|(t, _)| t.sets(authorities, signed))
                    .collect();
                let best = (0..=holding.len())
                    .rev()
                    .find(|n| {
                        let mut found = Vec::new();
                        distinct(&holding, *n, 0, &mut found);
                        !found.is_empty()
                    })
                    .unwrap_or(0);
                let unknown = children.iter().filter(|(_, truth)| *truth == Unknown).count();
                match best {
                    _ if best >= *count => True,
                    _ if best + unknown >= *count => Unknown,
                    _ => False,
                }
            }
        }
    }
}

/// Unions of `count` sets, of different children and with nobody in common.
fn distinct(of: &[Vec<u32>], count: usize, taken: u32, found: &mut Vec<u32>) {
    if count == 0 {
        found.push(taken);
        return;
    }
    for (at, sets) in of.iter().enumerate() {
        for set in sets.iter().filter(|set| **set & taken == 0) {
            distinct(&of[at + 1..], count - 1, taken | set, found);
        }
    }
}

#[test]
fn trees_and_thresholds_are_what_brute_force_says() {
    let mut random = Random(0x7ee5);
    let keys: Vec<_> = PEOPLE.iter().map(|name| crate::registry::key(name).public_pem()).collect();
    let signatures: Vec<_> = PEOPLE.iter().map(|name| signed_by(name, &image("app"))).collect();
    let mut seen = [0; 3];
    for round in 0..400 {
        let authorities: Vec<Vec<usize>> = (0..3)
            .map(|_| {
                let mut people: Vec<_> =
                    (0..PEOPLE.len()).filter(|_| random.below(2) == 0).collect();
                if people.is_empty() {
                    people.push(random.below(PEOPLE.len()));
                }
                people
            })
            .collect();
        let (mut signed, mut withheld) = (0, 0);
        let mut registry = Registry::new();
        for (n, signature) in signatures.iter().enumerate() {
            match random.below(5) {
                0 | 1 => {}
                2 if round % 2 == 0 => {
                    withheld |= 1 << n;
                    registry.attach(signature);
                    registry.withhold(&digest(signature));
                }
                _ => {
                    signed |= 1 << n;
                    registry.attach(signature);
                }
            }
        }
        let tree = Tree::random(&mut random, 2, authorities.len());
        let mut document = requiring(&tree.write());
        for (n, people) in authorities.iter().enumerate() {
            let keys: Vec<_> = people.iter().map(|p| &keys[*p]).collect();
            document["spec"]["authorities"][format!("a{n}")] =
                json!({ "cosign": { "keys": keys } });
        }
        let expected = tree.truth(&authorities, signed, withheld);
        let verdict = registry.decide(&document).verdict();
        assert_eq!(
            Truth::of(&verdict),
            expected,
            "{round}: {} over {authorities:?}, signed {signed:b}, withheld {withheld:b}: {verdict}",
            tree.write()
        );
        seen[expected as usize] += 1;
    }
    println!("policy: {seen:?} trees are false, unknown, true");
    assert!(seen.iter().all(|n| *n > 20), "{seen:?}");
}

/// What is withheld never satisfies what was not, and what is added never unsatisfies `any`.
#[test]
fn more_of_any_is_never_worse() {
    let mut random = Random(0xa44);
    let wanted = json!({ "attestation": {
        "type": "vuln", "signedBy": "ci", "conditions": [{ "cel": "predicate.good" }],
    } });
    let policy = policy(json!({ "rules": [{ "images": ["**"], "require": wanted }] }));
    for _ in 0..40 {
        let all: Vec<_> = (0..4).map(|_| Made::random(&mut random)).collect();
        let mut registry = Registry::new();
        let mut before = False;
        for (number, made) in all.iter().enumerate() {
            registry.attach(&made.bundle(number));
            let after = Truth::of(&registry.decide(&policy).verdict());
            assert!(before != True || after == True, "{all:?}");
            before = after;
        }
    }
}
