//! From a name, a count and a seed to the swaps of a run.

use super::{Behaviour, Direction, Kind, Payout, Scenario, SourceToken, SwapSpec, Timing, Trap};
use bmn_primitives::Dialect;
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Seconds by which the starts of a run are spread, for each swap.
const SPREAD_PER_SWAP: u64 = 4;
/// A partner's order is in this long, seconds, before its hashlock is copied.
const PARTNER_LEAD: u64 = 30;

/// The swaps of a run. Equal arguments give equal swaps.
pub fn swaps(scenario: Scenario, count: u32, seed: u64, timing: Timing) -> Vec<SwapSpec> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ salt(scenario));
    let behaviours = behaviours(scenario, count as usize, &mut rng);
    let mut swaps: Vec<SwapSpec> = (0..)
        .zip(behaviours)
        .map(|(index, behaviour)| draw(index, behaviour, count, timing, &mut rng))
        .collect();
    assign_partners(&mut swaps);
    if scenario.mixes_dialects() {
        assign_dialects(&mut swaps);
    }
    swaps
}

/// Of limit orders that are no traps; direct escrows, which are `bmn4`, make it half of all.
const DIALECTS: [Dialect; 9] = [
    Dialect::OneInch1,
    Dialect::Bmn302,
    Dialect::OneInch2,
    Dialect::Bmn4,
    Dialect::Bmn302,
    Dialect::OneInch1,
    Dialect::Bmn4,
    Dialect::OneInch2,
    Dialect::Bmn4,
];

/// What calls through our contract cost more, hundredths of a percent of the value.
const MARGIN_OF_CALLS: i64 = 150;

/// Every behaviour goes through the dialects in turn, each from another one on. Drawn by number and not
/// at random, so that no dialect is missing from a short run.
fn assign_dialects(swaps: &mut [SwapSpec]) {
    let mut turns: BTreeMap<Behaviour, usize> = BTreeMap::new();
    for swap in swaps.iter_mut() {
        if swap.trap().is_some() || swap.kind == Kind::DirectEscrow {
            continue;
        }
        let first = turns.len();
        let turn = turns.entry(swap.behaviour).or_insert(first);
        let dialect = DIALECTS[*turn % DIALECTS.len()];
        *turn += 1;
        // Where makers have no permission, they cannot withdraw alone.
        let alone = swap.behaviour == Behaviour::WithdrawsAlone;
        swap.dialect = match dialect {
            Dialect::OneInch1 | Dialect::OneInch2 if alone => Dialect::Bmn302,
            dialect => dialect,
        };
        if swap.dialect != Dialect::Bmn4 {
            swap.margin_bps += MARGIN_OF_CALLS;
        }
    }
}

/// Two scenarios with one seed are still different runs.
const fn salt(scenario: Scenario) -> u64 {
    (scenario as u64 + 1) << 56
}

fn behaviours(scenario: Scenario, count: usize, rng: &mut ChaCha8Rng) -> Vec<Behaviour> {
    let cycle = |items: &[Behaviour]| -> Vec<Behaviour> {
        items.iter().copied().cycle().take(count).collect()
    };
    match scenario {
        Scenario::Happy => cycle(&[Behaviour::Honest]),
        Scenario::Cancel => cycle(&[Behaviour::Silent]),
        Scenario::Reorg => {
            use Behaviour::{Honest, Silent, WithdrawsAlone};
            cycle(&[Honest, WithdrawsAlone, Honest, Silent])
        }
        Scenario::Mixed => {
            mixed(count, Trap::ALL.len().min(count.saturating_sub(2 * Behaviour::PLAIN.len())), rng)
        }
        // Most of a crash run must reach the late steps: that is where a crash can cost money.
        Scenario::Crash => mixed(count, count / 5, rng),
    }
}

fn mixed(count: usize, traps: usize, rng: &mut ChaCha8Rng) -> Vec<Behaviour> {
    let mut all_traps = Trap::ALL.map(Behaviour::Trap).to_vec();
    all_traps.shuffle(rng);
    let plain = Behaviour::PLAIN.into_iter().cycle();
    let traps = traps.min(all_traps.len()).min(count.saturating_sub(Behaviour::PLAIN.len()));
    let mut drawn: Vec<_> = plain.take(count - traps.min(count)).collect();
    drawn.extend(all_traps.into_iter().take(traps));
    drawn.shuffle(rng);
    drawn
}

fn draw(
    index: u32,
    behaviour: Behaviour,
    count: u32,
    timing: Timing,
    rng: &mut ChaCha8Rng,
) -> SwapSpec {
    let kind = match behaviour {
        Behaviour::Trap(trap) => trap.kind(),
        _ if rng.random_ratio(1, 4) => Kind::DirectEscrow,
        _ => Kind::LimitOrder,
    };
    let dialect = match behaviour {
        Behaviour::Trap(trap) => trap.dialect(),
        _ => Dialect::Bmn4,
    };
    let unprofitable = behaviour == Behaviour::Trap(Trap::Unprofitable);
    SwapSpec {
        index,
        direction: if rng.random() { Direction::AToB } else { Direction::BToA },
        kind,
        dialect,
        token: if rng.random() { SourceToken::Tka } else { SourceToken::Usdx },
        payout: match rng.random_ratio(1, 3) {
            // The stranger has tokens to lose, and hardly a coin.
            true if behaviour != Behaviour::Trap(Trap::StrangersDestination) => Payout::Native,
            _ => Payout::Token,
        },
        behaviour,
        value: rng.random_range(400_000_000..2_000_000_000),
        margin_bps: match (unprofitable, dialect) {
            (true, _) => -100,
            (false, Dialect::Bmn4) => rng.random_range(150..300),
            (false, _) => rng.random_range(150..300) + MARGIN_OF_CALLS,
        },
        deposit: rng.random_range(1..10) * 100_000_000_000_000,
        start: rng.random_range(0..=u64::from(count) * SPREAD_PER_SWAP),
        timing,
        partner: None,
    }
}

/// Gives each trap that copies a hashlock an order to copy from, or makes it an honest swap when
/// there is none.
fn assign_partners(swaps: &mut [SwapSpec]) {
    let candidates: Vec<(u32, u64, Direction)> = swaps
        .iter()
        .filter(|swap| swap.behaviour == Behaviour::Honest && swap.kind == Kind::LimitOrder)
        .map(|swap| (swap.index, swap.start, swap.direction))
        .collect();
    let mut next = candidates.into_iter();
    for swap in swaps {
        if !swap.trap().is_some_and(Trap::needs_partner) {
            continue;
        }
        match next.next() {
            Some((partner, start, direction)) => {
                swap.partner = Some(partner);
                // On the same source chain, where the copy could do harm.
                swap.direction = direction;
                swap.start = start + PARTNER_LEAD;
            }
            None => swap.behaviour = Behaviour::Honest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn generate(scenario: Scenario, count: u32, seed: u64) -> Vec<SwapSpec> {
        swaps(scenario, count, seed, Timing::ROOMY)
    }

    #[test]
    fn one_seed_is_one_run_and_another_is_another() {
        for scenario in Scenario::ALL {
            let run = generate(scenario, 40, 7);
            assert_eq!(run, generate(scenario, 40, 7));
            assert_ne!(run, generate(scenario, 40, 8));
            assert_eq!(run.len(), 40);
            assert!((0..).zip(&run).all(|(index, swap)| swap.index == index));
        }
    }

    #[test]
    fn a_long_run_has_as_many_swaps_as_were_asked_for() {
        for scenario in Scenario::ALL {
            assert_eq!(generate(scenario, 500, 1).len(), 500, "{scenario}");
        }
    }

    #[test]
    fn sixty_mixed_swaps_hold_every_behaviour_and_every_trap() {
        let run = generate(Scenario::Mixed, 60, 7);
        let seen: BTreeSet<_> = run.iter().map(|swap| swap.behaviour).collect();
        for wanted in Behaviour::PLAIN.into_iter().chain(Trap::ALL.map(Behaviour::Trap)) {
            assert!(seen.contains(&wanted), "{}", wanted.name());
        }
    }

    #[test]
    fn a_copied_hashlock_has_a_partner_that_is_there_before() {
        for seed in 0..20 {
            let run = generate(Scenario::Mixed, 60, seed);
            for swap in run.iter().filter(|swap| swap.trap().is_some_and(Trap::needs_partner)) {
                let partner = &run[swap.partner.unwrap() as usize];
                assert!(partner.start < swap.start && partner.direction == swap.direction);
                assert_eq!(partner.behaviour, Behaviour::Honest);
            }
        }
    }

    #[test]
    fn happy_swaps_cover_both_directions_kinds_and_payouts() {
        let run = generate(Scenario::Happy, 20, 1);
        let kinds: BTreeSet<_> =
            run.iter().map(|swap| (swap.direction, swap.kind, swap.payout)).collect();
        assert!(kinds.len() >= 6, "{kinds:?}");
        assert!(run.iter().all(|swap| swap.expectation().ends == [super::super::End::Completed]));
    }

    #[test]
    fn forty_swaps_hold_every_dialect_and_bmn4_is_about_half() {
        for scenario in [Scenario::Mixed, Scenario::Crash, Scenario::Reorg] {
            for seed in 0..20 {
                let run = generate(scenario, 40, seed);
                let of = |dialect| run.iter().filter(|swap| swap.dialect == dialect).count();
                for dialect in [Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2] {
                    assert!(of(dialect) > 0, "{scenario} {seed}: no {dialect}");
                }
                assert!(of(Dialect::Bmn4) >= 10, "{scenario} {seed}");
                assert!(run.iter().all(|swap| {
                    swap.behaviour != Behaviour::WithdrawsAlone || swap.source_deposit() == 0
                }));
            }
        }
        assert!(generate(Scenario::Happy, 40, 1).iter().all(|it| it.dialect == Dialect::Bmn4));
    }

    #[test]
    fn a_few_swaps_are_plain_ones_first() {
        for count in 0..10 {
            let run = generate(Scenario::Mixed, count, 3);
            assert_eq!(run.len(), count as usize);
            let traps = run.iter().filter(|swap| swap.trap().is_some()).count();
            assert!(traps <= (count as usize).saturating_sub(7));
        }
    }
}
