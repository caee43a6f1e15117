//! A history as a list of steps, each of which can be taken in any state.

use super::Choices;

/// What one transaction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// An order is filled, which creates a source escrow. Order and hashlock are drawn apart, so
    /// that strangers repeat what is ours.
    Fill {
        /// Whose order hash.
        order: u8,
        /// Whose hashlock.
        lock: u8,
        /// What is wrong with it.
        flaw: Flaw,
        /// Of which dialect the factory is; 0 for ours.
        factory: u8,
    },
    /// A source escrow that somebody creates without a fill.
    Direct {
        /// Whose order hash.
        order: u8,
        /// Whose hashlock.
        lock: u8,
        /// Distinguishes escrows of one order and hashlock.
        salt: u8,
        /// It names us as taker.
        ours: bool,
        /// Of which dialect the factory is; 0 for ours.
        factory: u8,
        /// Its own address claims an end in the log before the creation.
        ended_before: bool,
    },
    /// A destination escrow: the one we planned for an order (salt 0), or a stranger's.
    Destination {
        /// Whose hashlock.
        lock: u8,
        /// 0 for our own.
        salt: u8,
        /// Of which dialect the factory is; 0 for ours.
        factory: u8,
    },
    /// An escrow ends, or claims to: one that was ever seen on this chain, on whatever branch.
    End {
        /// Which, counted from the newest.
        pick: u8,
        /// How.
        how: How,
    },
    /// The limit-order contract speaks of an order and no escrow comes of it.
    Order {
        /// Whose order hash.
        order: u8,
        /// Which event.
        what: u8,
    },
    /// A stranger's contract speaks the words of a factory, an escrow or the limit-order contract.
    Forged {
        /// Whose order and hashlock.
        slot: u8,
        /// Which event.
        what: u8,
    },
    /// A registered contract logs what its dialect cannot.
    Damaged {
        /// Whose order and hashlock.
        slot: u8,
        /// Which event.
        what: u8,
        /// What is broken.
        how: u8,
    },
    /// A token moves.
    Noise,
}

/// What is wrong with a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// The factory says nothing of a post-interaction where it should, speaks of one that its dialect
    /// does not have, or names a stranger as the limit-order contract.
    NoInteraction,
    /// The post-interaction names another hashlock.
    OtherHashlock,
    /// The limit-order contract fills another order.
    OtherOrder,
    /// The fill is logged before the escrow.
    FilledBefore,
    /// A stranger's contract claims the fill.
    ForgedFill,
    /// The fill is in the next transaction.
    NextTransaction,
}

/// How an escrow ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// With the secret.
    Withdrawn,
    /// With something that is not the secret.
    WrongSecret,
    /// Given back.
    Cancelled,
    /// Its own token is rescued.
    Rescued,
    /// Some other token is rescued.
    RescuedOther,
    /// Tokens are rescued again and again, more often than the row of an escrow has room for.
    RescuedOften,
}

/// How the next blocks are told to the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As a segment, with what it replaces.
    Segment,
    /// What is replaced first, alone.
    RevertFirst,
    /// Final blocks without the empty ones, as far as they go, in one transaction; otherwise as a
    /// segment.
    Backfill,
    /// Final blocks by the bulk path, as far as they go; otherwise as a segment.
    Bulk {
        /// Without the empty ones.
        sparse: bool,
        /// Nobody else is live: it need not be cut into small transactions.
        alone: bool,
        /// Made durable at once.
        flush: bool,
    },
}

/// A delivery that no host should make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The newest block again.
    Again,
    /// A block is left out.
    Gap,
    /// The next number, of another branch.
    Stranger,
    /// Blocks leave that are not the newest.
    NotNewest,
}

/// One step of a history. `chain` is 0 or 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The chain grows by blocks; each is a list of transactions.
    Grow {
        /// Which chain.
        chain: usize,
        /// Seconds between the blocks beyond the first second.
        pace: u8,
        /// The blocks.
        blocks: Vec<Vec<Deed>>,
        /// They are final at once, as for an index that was away for long.
        settled: bool,
    },
    /// The newest blocks are replaced, never final ones. No blocks: a bare revert.
    Fork {
        /// Which chain.
        chain: usize,
        /// How many blocks leave.
        depth: u8,
        /// Seconds between the blocks beyond the first second.
        pace: u8,
        /// How many of the transactions that left come again, in the same places.
        kept: u8,
        /// The blocks that follow.
        blocks: Vec<Vec<Deed>>,
    },
    /// Final blocks are replaced: deeper than what can be undone.
    ForkDeep {
        /// Which chain.
        chain: usize,
        /// How many final blocks leave.
        below: u8,
        /// Seconds between the blocks beyond the first second.
        pace: u8,
        /// The blocks that follow.
        blocks: Vec<Vec<Deed>>,
    },
    /// More blocks become final.
    Finalize {
        /// Which chain.
        chain: usize,
        /// How many.
        by: u8,
    },
    /// The index is told what is new.
    Deliver {
        /// Which chain.
        chain: usize,
        /// At most so many blocks.
        limit: u8,
        /// In which form.
        form: Form,
        /// The newest final block is told too.
        tells_final: bool,
    },
    /// The index is told something that does not continue what it holds.
    Misdeliver {
        /// Which chain.
        chain: usize,
        /// What.
        wrong: Wrong,
        /// By the bulk path.
        bulk: bool,
    },
    /// The index goes on until it has caught up and every order was derived, or for so many pieces
    /// of work.
    CatchUp {
        /// Which chain.
        chain: usize,
        /// At most.
        pieces: u8,
    },
    /// The disk will fail.
    Crash {
        /// After so many more operations.
        after: u32,
        /// The failing operation still happens.
        happens: bool,
        /// Some of what was not synced is on the disk, drawn from this.
        torn: Option<u32>,
        /// It fails again so many operations into the recovery.
        again: Option<u8>,
    },
    /// The process is gone between two operations.
    Kill {
        /// Some of what was not synced is on the disk, drawn from this.
        torn: Option<u32>,
    },
    /// The store is closed and opened.
    Restart,
    /// Everything is compared with a rebuild.
    Compare,
}

/// Orders and hashlocks there are; the first three are ours.
pub(super) const SLOTS: u32 = 5;

fn small(choices: &mut dyn Choices, bound: u32) -> u8 {
    choices.below(bound.min(256)) as u8
}

fn draw_factory(choices: &mut dyn Choices) -> u8 {
    if choices.one_in(3) { small(choices, 7) } else { 0 }
}

fn draw_deed(choices: &mut dyn Choices) -> Deed {
    let order = small(choices, SLOTS);
    // Mostly what belongs together, so that swaps come to something.
    let lock = if choices.one_in(4) { small(choices, SLOTS) } else { order };
    match choices.below(16) {
        0..=3 => {
            let flaw = draw_flaw(choices);
            Deed::Fill { order, lock, flaw, factory: draw_factory(choices) }
        }
        4..=5 => Deed::Direct {
            order,
            lock,
            salt: small(choices, 3),
            ours: choices.one_in(2),
            factory: draw_factory(choices),
            ended_before: choices.one_in(4),
        },
        6..=7 => {
            Deed::Destination { lock, salt: small(choices, 3), factory: draw_factory(choices) }
        }
        8..=11 => {
            let bound = if choices.one_in(2) { 1 } else { 6 };
            Deed::End { pick: small(choices, bound), how: draw_how(choices) }
        }
        12 => Deed::Order { order, what: small(choices, 3) },
        13 => Deed::Forged { slot: order, what: small(choices, 12) },
        14 => {
            // The first example is the one with most that can be broken.
            let what = if choices.one_in(3) { 0 } else { small(choices, 10) };
            Deed::Damaged { slot: order, what, how: small(choices, 6) }
        }
        _ => Deed::Noise,
    }
}

fn draw_flaw(choices: &mut dyn Choices) -> Flaw {
    match choices.below(14) {
        0 => Flaw::NoInteraction,
        1 => Flaw::OtherHashlock,
        2 => Flaw::OtherOrder,
        3 => Flaw::FilledBefore,
        4 => Flaw::ForgedFill,
        5 => Flaw::NextTransaction,
        _ => Flaw::None,
    }
}

fn draw_how(choices: &mut dyn Choices) -> How {
    match choices.below(9) {
        0..=2 => How::Withdrawn,
        3 => How::WrongSecret,
        4..=5 => How::Cancelled,
        6 => How::Rescued,
        7 => How::RescuedOther,
        _ => How::RescuedOften,
    }
}

fn draw_blocks(choices: &mut dyn Choices, most: u32) -> Vec<Vec<Deed>> {
    let count = choices.below(most + 1);
    let mut blocks = Vec::new();
    for _ in 0..count {
        let deeds = if choices.one_in(3) { 0 } else { 1 + choices.below(3) };
        blocks.push((0..deeds).map(|_| draw_deed(choices)).collect());
    }
    blocks
}

fn draw_torn(choices: &mut dyn Choices) -> Option<u32> {
    choices.one_in(2).then(|| choices.below(1 << 16))
}

fn draw_form(choices: &mut dyn Choices) -> Form {
    match choices.below(8) {
        0 => Form::RevertFirst,
        1 => Form::Backfill,
        2..=4 => Form::Bulk {
            sparse: choices.one_in(2),
            alone: choices.one_in(4),
            flush: choices.one_in(3),
        },
        _ => Form::Segment,
    }
}

fn draw_step(choices: &mut dyn Choices) -> Step {
    let chain = choices.below(2) as usize;
    match choices.below(40) {
        0..=8 => {
            let (pace, settled) = (small(choices, 3), choices.one_in(3));
            let blocks = draw_blocks(choices, if settled { 8 } else { 4 });
            Step::Grow { chain, pace, blocks, settled }
        }
        9..=12 => Step::Fork {
            chain,
            depth: 1 + small(choices, 5),
            pace: small(choices, 3),
            kept: small(choices, 5),
            blocks: draw_blocks(choices, 4),
        },
        13..=15 => Step::Finalize { chain, by: 1 + small(choices, 4) },
        16..=27 => Step::Deliver {
            chain,
            limit: 1 + small(choices, 6),
            form: draw_form(choices),
            tells_final: !choices.one_in(4),
        },
        28..=29 => Step::CatchUp { chain, pieces: 1 + small(choices, 16) },
        30..=31 => Step::ForkDeep {
            chain,
            below: 1 + small(choices, 4),
            pace: small(choices, 3),
            blocks: draw_blocks(choices, 4),
        },
        32 => Step::Misdeliver {
            chain,
            wrong: match choices.below(4) {
                0 => Wrong::Again,
                1 => Wrong::Gap,
                2 => Wrong::Stranger,
                _ => Wrong::NotNewest,
            },
            bulk: choices.one_in(3),
        },
        33..=36 => Step::Crash {
            // A commit is some tens of operations: most crashes fall into the next delivery.
            after: 1 + if choices.one_in(2) { choices.below(20) } else { choices.below(60) },
            happens: choices.one_in(2),
            torn: draw_torn(choices),
            again: choices.one_in(3).then(|| 1 + small(choices, 12)),
        },
        37 => Step::Kill { torn: draw_torn(choices) },
        38 => Step::Restart,
        _ => Step::Compare,
    }
}

/// A history of `length` steps, or of as many as the choices last for.
pub fn draw_history(choices: &mut dyn Choices, length: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    while steps.len() < length && !choices.is_spent() {
        steps.push(draw_step(choices));
    }
    steps
}
