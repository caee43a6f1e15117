//! The model: both chains, the engine's own records, and everything that may go wrong between them.

use crate::LAST_BLOCK;
use crate::setting::{Act, CREATIONS, Escrow, NONE, PlanFn, Seen, Setting, Stand, Windows, time};
use bmn_primitives::Dialect;
use bmn_swap::{Status, TRANSITIONS};
use std::collections::HashSet;
use std::sync::Mutex;

/// A transaction of ours under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Intent {
    None,
    /// Signed and stored, then the engine crashed: nobody else has it.
    Signed,
    /// Sent, once or twice, by a host that says so or not, recorded or not: the same bytes and nonce.
    Sent,
    /// Its nonce is used, in a block that we have not indexed yet.
    Used,
}

/// What happened that must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Sins {
    pub(crate) paid_twice: bool,
    pub(crate) took_unpaid: bool,
    pub(crate) gave_early: bool,
    pub(crate) unproved: bool,
    pub(crate) told_early: bool,
    pub(crate) off_the_table: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The chains as they are.
    pub(crate) heads: [u8; 2],
    pub(crate) escrows: [Escrow; 2],
    /// Our transaction in each head, which a reorg would take back.
    pub(crate) in_head: [Option<Act>; 2],
    /// The secret can be read by anybody.
    pub(crate) public: bool,
    /// What we know.
    pub(crate) seen: Seen,
    pub(crate) intents: [Intent; 8],
    pub(crate) sins: Sins,
    pub(crate) faults: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// A block on a chain, with this in it.
    Mine(usize, What),
    /// Another block takes the place of the last one, with nothing of the old one in it.
    Reorg(usize),
    /// The indexer catches up with a chain.
    Index(usize),
    /// The engine signs what its plan asks for, stores it and sends it. What is not mined for long was
    /// sent late, or to a host that said yes and did nothing.
    Act(Act),
    /// The engine signs what its plan asks for, stores it and crashes.
    Crash(Act),
    /// The engine is back and sends what it stored.
    Resume(Act),
    /// The engine signs the maker's permission.
    Permit,
    /// The engine gives the fill up.
    GiveUp,
    /// The maker tells us his secret.
    Tell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Nothing,
    /// Our transaction; without effect where the contract does not let it.
    Ours(Act),
    /// Our transaction's nonce is used without effect: it reverts for a reason of its own, or was replaced.
    Spoiled(Act),
    /// A source escrow that names us, by the maker himself.
    Direct,
    /// A public withdrawal by somebody else: the maker by his permission, or whoever has the secret, which
    /// the maker may have given to anybody at any time.
    OthersWithdraw,
    /// A public cancel of the source.
    OthersCancel,
}

/// The check of one planner.
pub(crate) struct Check {
    pub(crate) setting: Setting,
    faults: u8,
    /// States whose fair continuation ends.
    ending: Mutex<HashSet<State>>,
}

impl Check {
    pub(crate) fn new(dialect: Dialect, planner: PlanFn, faults: u8) -> Self {
        Self { setting: Setting::new(dialect, planner), faults, ending: Mutex::default() }
    }

    pub(crate) fn start(&self, direct: bool) -> State {
        State {
            heads: [0; 2],
            escrows: [NONE; 2],
            in_head: [None; 2],
            public: false,
            seen: Seen {
                direct,
                heads: [0; 2],
                escrows: [NONE; 2],
                secret: 0,
                fill: 0,
                funding: 0,
                permitted: false,
                bound: 0,
            },
            intents: [Intent::None; 8],
            sins: Sins::default(),
            faults: self.faults,
        }
    }

    pub(crate) fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        if self.is_settled(state) {
            return;
        }
        let outcome = self.setting.outcome(&state.seen);
        for act in outcome.now.iter().filter(|act| state.is_free(**act)) {
            steps.push(Step::Act(*act));
            if state.faults > 0 {
                steps.push(Step::Crash(*act));
            }
        }
        for act in Act::ALL {
            if state.intents[act as usize] == Intent::Signed {
                steps.push(Step::Resume(act));
            }
        }
        if outcome.permit_now {
            steps.push(Step::Permit);
        }
        if outcome.give_up_fill && state.seen.fill == 0 {
            steps.push(Step::GiveUp);
        }
        if state.seen.secret == 0 && state.escrows[0].stand != Stand::Absent {
            steps.push(Step::Tell);
        }
        for chain in 0..2 {
            if state.is_behind(chain) {
                steps.push(Step::Index(chain));
            } else {
                self.blocks(state, chain, steps);
            }
            if state.faults > 0 && state.changed_in_head(chain) {
                steps.push(Step::Reorg(chain));
            }
        }
    }

    fn blocks(&self, state: &State, chain: usize, steps: &mut Vec<Step>) {
        // No chain's clock is more than one block ahead of the other's: their paces say so.
        if state.heads[chain] >= LAST_BLOCK || state.heads[chain] > state.heads[1 - chain] {
            return;
        }
        let mut push = |what| steps.push(Step::Mine(chain, what));
        push(What::Nothing);
        for act in Act::ALL.into_iter().filter(|act| act.chain() == chain) {
            if state.intents[act as usize] == Intent::Sent {
                push(What::Ours(act));
                if state.faults > 0 {
                    push(What::Spoiled(act));
                }
            }
        }
        let next = state.heads[chain] + 1;
        let open = state.escrows[chain].stand == Stand::Open;
        let may_come = chain == 0 && state.seen.direct && CREATIONS.contains(&next);
        if may_come && state.escrows[0].stand == Stand::Absent {
            push(What::Direct);
        }
        if let Some(windows) = open.then(|| self.windows(state, chain)) {
            let time = time(next);
            if (windows.public_withdraw..windows.cancel).contains(&time) {
                push(What::OthersWithdraw);
            }
            if time >= windows.public_cancel {
                push(What::OthersCancel);
            }
        }
    }

    fn windows(&self, state: &State, chain: usize) -> Windows {
        let made = state.escrows[chain].made;
        if chain == 0 {
            self.setting.source_windows(made)
        } else {
            self.setting.destination_windows(made)
        }
    }

    pub(crate) fn next(&self, last: &State, step: Step) -> State {
        let mut state = *last;
        match step {
            Step::Mine(chain, what) => self.mine(&mut state, chain, what),
            Step::Reorg(chain) => state.reorg(chain),
            Step::Index(chain) => self.index(&mut state, chain),
            Step::Act(act) => self.sign(&mut state, act, Intent::Sent),
            Step::Crash(act) => {
                state.faults -= 1;
                self.sign(&mut state, act, Intent::Signed);
            }
            Step::Resume(act) => state.intents[act as usize] = Intent::Sent,
            Step::Permit => state.seen.permitted = true,
            Step::GiveUp => state.seen.fill = 2,
            Step::Tell => state.seen.secret = state.seen.secret.max(1),
        }
        state.refresh();
        state
    }

    fn sign(&self, state: &mut State, act: Act, to: Intent) {
        self.judge_signing(state, act);
        state.intents[act as usize] = to;
        if matches!(act, Act::Fund | Act::FundAgain) {
            state.seen.bound = state.seen.escrows[0].made;
        }
    }

    fn mine(&self, state: &mut State, chain: usize, what: What) {
        state.heads[chain] += 1;
        state.in_head[chain] = None;
        state.escrows[chain].fresh_end = false;
        if chain == 1 && !self.setting.counts_from_creation() {
            state.escrows[1].made = 0;
        }
        let now = time(state.heads[chain]);
        match what {
            What::Nothing => {}
            What::Ours(act) => {
                state.intents[act as usize] = Intent::Used;
                state.in_head[chain] = Some(act);
                self.take_effect(state, act, now);
            }
            What::Spoiled(act) => {
                state.intents[act as usize] = Intent::Used;
                state.faults -= 1;
            }
            What::Direct => {
                state.escrows[0] = Escrow { stand: Stand::Open, made: state.heads[0], ..NONE };
            }
            What::OthersWithdraw => {
                state.end(chain, Stand::Withdrawn, false);
                state.public = true;
            }
            What::OthersCancel => state.end(0, Stand::Cancelled, false),
        }
    }

    // The contracts' rules (`protocol.md` section 8), and what must not come of it.
    fn take_effect(&self, state: &mut State, act: Act, now: u64) {
        let chain = act.chain();
        let open = state.escrows[chain].stand == Stand::Open;
        let made = Escrow { stand: Stand::Open, made: state.heads[chain], ..NONE };
        match act {
            Act::Fill => {
                // Both families: the order expires, or its destination would begin too early.
                if state.escrows[0].stand == Stand::Absent && state.heads[0] <= *CREATIONS.end() {
                    state.escrows[0] = made;
                }
            }
            Act::Fund | Act::FundAgain => {
                state.sins.paid_twice |= state.escrows[1].stand != Stand::Absent;
                let windows = self.setting.destination_windows(state.heads[1]);
                let ends = self.setting.latest_end(state.seen.bound);
                if state.escrows[1].stand == Stand::Absent && windows.cancel <= ends {
                    state.escrows[1] = made;
                }
            }
            _ if !open => {}
            _ => self.end_by_us(state, act, now),
        }
    }

    fn end_by_us(&self, state: &mut State, act: Act, now: u64) {
        let chain = act.chain();
        let windows = self.windows(state, chain);
        match act {
            Act::PayMaker | Act::TakeSource
                if (windows.withdraw..windows.cancel).contains(&now) =>
            {
                state.end(chain, Stand::Withdrawn, true);
                state.public = true;
            }
            Act::TakeBack if now >= windows.cancel => state.end(1, Stand::Cancelled, true),
            Act::GiveBack if now >= windows.cancel => {
                let destination = state.escrows[1].stand;
                let payable = destination == Stand::Open
                    && time(state.heads[1] + 1) < self.windows(state, 1).cancel;
                state.sins.gave_early |= payable || destination == Stand::Withdrawn;
                state.end(0, Stand::Cancelled, true);
            }
            Act::Rescue if now >= windows.rescue => state.end(0, Stand::Rescued, true),
            _ => {}
        }
    }

    // What the rules ask for at the moment of signing, from what we know then.
    fn judge_signing(&self, state: &mut State, act: Act) {
        let [source, destination] = state.seen.escrows;
        let heads = state.seen.heads;
        let source_sure = source.stand == Stand::Open && heads[0] > source.made;
        let destination_sure = destination.made < heads[1];
        match act {
            Act::Fund | Act::FundAgain => state.sins.unproved |= !source_sure,
            Act::PayMaker => {
                // After a stranger took the source for us, the maker is owed his payment at once.
                let owed = matches!(source.stand, Stand::Withdrawn | Stand::Rescued);
                state.sins.told_early |= !(owed || source_sure && destination_sure);
            }
            Act::TakeSource | Act::Rescue => {
                let ends = self.setting.source_windows(source.made).cancel;
                let closing = time(heads[0]) + URGENT >= ends;
                let sure = !destination.fresh_end || closing;
                state.sins.took_unpaid |= destination.stand != Stand::Withdrawn || !sure;
            }
            Act::TakeBack | Act::GiveBack | Act::Fill => {}
        }
    }

    fn index(&self, state: &mut State, chain: usize) {
        let before = self.setting.outcome(&state.seen).status;
        state.seen.heads[chain] = state.heads[chain];
        state.seen.escrows[chain] = state.escrows[chain];
        if state.escrows[chain].stand == Stand::Withdrawn {
            state.seen.secret = 2;
        }
        for act in Act::ALL.into_iter().filter(|act| act.chain() == chain) {
            let intent = &mut state.intents[act as usize];
            if *intent == Intent::Used {
                *intent = Intent::None;
            }
        }
        state.refresh();
        let after = self.setting.outcome(&state.seen).status;
        state.sins.off_the_table |= !is_a_row(before, after);
    }

    /// Everything the engine would do from here with nothing going wrong, until it is over.
    pub(crate) fn ends(&self, state: &State) -> bool {
        let mut path = Vec::new();
        let mut state = *state;
        let mut known = false;
        while path.len() < 400 {
            if self.ending.lock().unwrap().contains(&state) {
                known = true;
                break;
            }
            path.push(state);
            if self.is_over(&state) {
                known = true;
                break;
            }
            let Some(step) = self.fair_step(&state) else { break };
            state = self.next(&state, step);
        }
        if known {
            self.ending.lock().unwrap().extend(path);
        }
        known
    }

    fn is_over(&self, state: &State) -> bool {
        let used = state.intents.iter().all(|intent| *intent == Intent::None);
        let status = self.setting.outcome(&state.seen).status;
        used && status.is_terminal() && !state.is_behind(0) && !state.is_behind(1)
    }

    // Over, and no reorg can reach what ended it: every further block is empty.
    fn is_settled(&self, state: &State) -> bool {
        let may_come = state.seen.direct && state.escrows[0].stand == Stand::Absent;
        let stands = state.escrows.iter().any(|escrow| escrow.stand == Stand::Open);
        let fresh = (0..2).any(|chain| state.changed_in_head(chain));
        !may_come && !stands && !fresh && self.is_over(state)
    }

    fn fair_step(&self, state: &State) -> Option<Step> {
        let mut steps = Vec::new();
        self.steps(state, &mut steps);
        let engine = steps.iter().find(|step| {
            matches!(
                step,
                Step::Index(_) | Step::Act(_) | Step::Resume(_) | Step::Permit | Step::GiveUp
            )
        });
        if let Some(step) = engine {
            return Some(*step);
        }
        let chain = usize::from(state.heads[1] < state.heads[0]);
        let sent = |act: &Act| act.chain() == chain && state.intents[*act as usize] == Intent::Sent;
        let what = Act::ALL.into_iter().find(sent).map_or(What::Nothing, What::Ours);
        // A run that began late has its blocks after the last one of the check.
        (state.heads[chain] < LAST_BLOCK + 40).then_some(Step::Mine(chain, what))
    }
}

/// Seconds before the source's cancellation from which its withdrawal waits for no confirmation.
pub(crate) const URGENT: u64 = 3 * crate::setting::BLOCK;

fn is_a_row(from: Status, to: Status) -> bool {
    let listed = |from, to| TRANSITIONS.iter().any(|row| row.from == from && row.to == to);
    from == to || listed(from, to) || listed(to, from)
}

impl State {
    fn is_free(&self, act: Act) -> bool {
        self.intents[act as usize] == Intent::None
    }

    pub(crate) fn is_behind(&self, chain: usize) -> bool {
        self.seen.heads[chain] != self.heads[chain]
            || self.seen.escrows[chain] != self.escrows[chain]
            || Act::ALL
                .into_iter()
                .any(|act| act.chain() == chain && self.intents[act as usize] == Intent::Used)
    }

    fn changed_in_head(&self, chain: usize) -> bool {
        let escrow = self.escrows[chain];
        let made = escrow.made == self.heads[chain];
        self.in_head[chain].is_some() || escrow.fresh_end || (escrow.stand == Stand::Open && made)
    }

    fn end(&mut self, chain: usize, stand: Stand, by_us: bool) {
        self.escrows[chain] =
            Escrow { stand, fresh_end: true, by_us, made: self.escrows[chain].made };
    }

    fn reorg(&mut self, chain: usize) {
        self.faults -= 1;
        let escrow = &mut self.escrows[chain];
        if escrow.fresh_end {
            *escrow = Escrow { stand: Stand::Open, made: escrow.made, ..NONE };
        } else if escrow.stand == Stand::Open && escrow.made == self.heads[chain] {
            *escrow = NONE;
        }
        // The transaction is as good as before: it may be mined again.
        if let Some(act) = self.in_head[chain].take() {
            self.intents[act as usize] = Intent::Sent;
        }
    }

    fn refresh(&mut self) {
        let live = |act: Act| self.intents[act as usize] != Intent::None;
        self.seen.funding = u8::from(live(Act::Fund) || live(Act::FundAgain));
        if self.seen.fill < 2 {
            self.seen.fill = u8::from(live(Act::Fill));
        }
        if self.faults == 0 {
            self.in_head = [None; 2];
        }
    }
}
