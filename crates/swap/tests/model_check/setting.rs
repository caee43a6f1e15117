//! The setting of the check: one order on two chains whose blocks come every [`BLOCK`] seconds, and what
//! the engine's functions say of any view of it.

use crate::LAST_BLOCK;
use crate::common::{self, A, B, FACTORY, World};
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{
    EscrowImplementations, LimitOrder, MakerTraits, OrderSignature, bmn_factory_timelocks,
    destination_escrow, source_escrow,
};
use bmn_primitives::{BlockRef, Dialect, Immutables, Timelocks};
use bmn_swap::{
    Action, Attempt, ChainView, DestinationLeg, DestinationPlan, EscrowEnd, Evidence, Inclusion,
    Order, OrderTimes, Origin, Pace, Permission, Plan, SecretKnowledge, SignedOrder, SourceLeg,
    Status, SwapView, Terms, Wake, When, intend_destination,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Seconds between blocks, and until a transaction is mined.
pub(crate) const BLOCK: u64 = 30;
/// Confirmations on both chains: every reorg of the last block leaves them.
pub(crate) const CONFIRMATIONS: u64 = 1;
/// Source cancellation and destination withdrawal of an order with absolute times, seconds after the
/// start: the shortest schedule that fits.
const ABSOLUTE: [u64; 2] = [12 * BLOCK, 3 * BLOCK];
/// The seven offsets of an order with offsets, in their order: the shortest schedule that fits.
const OFFSETS: [u32; 7] = [30, 120, 330, 360, 30, 60, 120];
/// Our resolver contract, which takes where orders have offsets.
const CONTRACT: Address = Address::repeat_byte(0xc0);

/// The block whose time is the rescue delay's end; the ones before it are [`BLOCK`] seconds apart.
pub(crate) const RESCUE_BLOCK: u8 = 15;
/// The delay, seconds.
pub(crate) const RESCUE_DELAY: u64 = 604_800;
/// Blocks in which a source may be created.
pub(crate) const CREATIONS: std::ops::RangeInclusive<u8> = 1..=2;

const PACE: Pace =
    Pace { block_time: BLOCK, inclusion: BLOCK, confirmations: CONFIRMATIONS, skew: BLOCK };

/// Time of a block.
pub(crate) const fn time(block: u8) -> u64 {
    if block < RESCUE_BLOCK {
        common::FILLED + BLOCK * block as u64
    } else {
        common::FILLED + RESCUE_DELAY + BLOCK * (2 + block - RESCUE_BLOCK) as u64
    }
}

/// How an escrow stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stand {
    Absent,
    Open,
    Withdrawn,
    Cancelled,
    Rescued,
}

/// An escrow in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Escrow {
    pub(crate) stand: Stand,
    /// Block of its creation; 0 when that no longer matters.
    pub(crate) made: u8,
    /// Its end is in the head.
    pub(crate) fresh_end: bool,
    /// It ended by a transaction of ours.
    pub(crate) by_us: bool,
}

pub(crate) const NONE: Escrow =
    Escrow { stand: Stand::Absent, made: 0, fresh_end: false, by_us: false };

/// Everything the plan depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    pub(crate) direct: bool,
    /// Newest block of each chain that was indexed.
    pub(crate) heads: [u8; 2],
    /// Source, destination.
    pub(crate) escrows: [Escrow; 2],
    pub(crate) secret: u8,
    pub(crate) fill: u8,
    pub(crate) funding: u8,
    pub(crate) permitted: bool,
    /// Creation block of the source that our destination answers; 0 for none.
    pub(crate) bound: u8,
}

/// What we do, one slot each: at most one live transaction per key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Act {
    TakeSource,
    PayMaker,
    TakeBack,
    GiveBack,
    Fund,
    Fill,
    Rescue,
    /// A funding under any other key than the order's own.
    FundAgain,
}

impl Act {
    pub(crate) const ALL: [Self; 8] = [
        Self::TakeSource,
        Self::PayMaker,
        Self::TakeBack,
        Self::GiveBack,
        Self::Fund,
        Self::Fill,
        Self::Rescue,
        Self::FundAgain,
    ];

    /// The chain it happens on: source 0, destination 1.
    pub(crate) const fn chain(self) -> usize {
        match self {
            Self::TakeSource | Self::GiveBack | Self::Fill | Self::Rescue => 0,
            Self::PayMaker | Self::TakeBack | Self::Fund | Self::FundAgain => 1,
        }
    }

    fn of(due: &bmn_swap::Due) -> Option<Self> {
        Some(match due.key.action {
            Action::WithdrawSource => Self::TakeSource,
            Action::WithdrawDestination => Self::PayMaker,
            Action::CancelDestination => Self::TakeBack,
            Action::CancelSource => Self::GiveBack,
            Action::FundDestination if due.key.escrow.is_zero() => Self::Fund,
            Action::FundDestination => Self::FundAgain,
            Action::Fill => Self::Fill,
            Action::RescueSource => Self::Rescue,
            _ => return None,
        })
    }
}

/// A plan in the model's terms.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Status,
    pub(crate) now: Vec<Act>,
    pub(crate) permit_now: bool,
    pub(crate) wakes: Vec<Wake>,
    pub(crate) give_up_fill: bool,
}

impl Outcome {
    /// Whether one of its wakes has come when the heads are these.
    pub(crate) fn wakes_at(&self, heads: [u8; 2]) -> bool {
        self.wakes.iter().any(|wake| match *wake {
            Wake::Height { chain, number } => number <= number_of(heads[index(chain)]),
            Wake::Time { chain, time } => time <= next_time(heads[index(chain)]),
        })
    }
}

fn index(chain: bmn_primitives::ChainId) -> usize {
    usize::from(chain == B)
}

const fn number_of(block: u8) -> u64 {
    100 + block as u64
}

/// Earliest time of the block after this one.
const fn next_time(block: u8) -> u64 {
    time(block) + BLOCK
}

fn at(block: u8) -> Inclusion {
    Inclusion { block: block_ref(block), tx_hash: B256::ZERO, log_index: 0 }
}

fn block_ref(block: u8) -> BlockRef {
    BlockRef { number: number_of(block), hash: B256::with_last_byte(block), time: time(block) }
}

/// A planner: the real one, or one that is wrong on purpose.
pub(crate) type PlanFn = fn(&SwapView<'_>, &Terms<'_>) -> Plan;

/// Windows of an escrow, unix seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) withdraw: u64,
    pub(crate) public_withdraw: u64,
    pub(crate) cancel: u64,
    pub(crate) public_cancel: u64,
    pub(crate) rescue: u64,
}

/// The order in all its forms, built once.
pub(crate) struct Setting {
    pub(crate) dialect: Dialect,
    world: World,
    order: [Order; 2],
    sources: Vec<SourceLeg>,
    plans: Vec<DestinationPlan>,
    windows: [Vec<Windows>; 2],
    planner: PlanFn,
    known: Mutex<HashMap<Seen, Arc<Outcome>>>,
}

impl Setting {
    pub(crate) fn new(dialect: Dialect, planner: PlanFn) -> Self {
        let mut world = World::locked();
        for route in &mut world.routes {
            route.pace = PACE;
            route.resolver = Some(CONTRACT);
            route.factories[0].dialect = dialect;
            route.factories[0].implementations =
                EscrowImplementations::for_factory(dialect, FACTORY);
        }
        world.policy.maker_reaction = 0;
        let sources: Vec<_> = CREATIONS.map(|made| source(&world, dialect, made)).collect();
        let direct = bmn_swap::read_direct(&sources[0]);
        let times = if dialect.has_absolute_times() {
            direct.times
        } else {
            OrderTimes::Offsets(Timelocks::pack(0, OFFSETS))
        };
        let submitted = Order { origin: submitted(), times, ..direct.clone() };
        let intend = |(leg, made)| intend_destination(&direct, leg, &world.terms(), time(made));
        let plans: Vec<_> =
            sources.iter().zip(CREATIONS).map(|pair| intend(pair).unwrap()).collect();
        let of_source = |leg: &SourceLeg| source_windows(leg.immutables().unwrap().timelocks);
        // Absolute windows are the same for every creation; others count from it.
        let of_destination = |made| destination_windows(&plans[0], dialect, made);
        let windows = [
            sources.iter().map(of_source).collect(),
            (0..LAST_BLOCK + 60).map(of_destination).collect(),
        ];
        let order = [submitted, direct];
        let known = Mutex::default();
        Self { dialect, world, order, sources, plans, windows, planner, known }
    }

    /// Whether a destination's address and windows follow from the block that creates it.
    pub(crate) const fn counts_from_creation(&self) -> bool {
        !self.dialect.has_absolute_times()
    }

    /// The latest end of a destination's windows that its funding tells the factory to accept, where the
    /// factory looks: as early before the source's own end as if we had chosen it.
    pub(crate) fn latest_end(&self, bound: u8) -> u64 {
        let ends = self.source_windows(bound).cancel;
        ends - (PACE.inclusion + PACE.settle() + PACE.skew) - PACE.settle()
    }

    /// The windows of a source that was created in this block.
    pub(crate) fn source_windows(&self, made: u8) -> Windows {
        self.windows[0][usize::from(made - CREATIONS.start())]
    }

    /// The windows of a destination that was created in this block.
    pub(crate) fn destination_windows(&self, made: u8) -> Windows {
        self.windows[1][usize::from(made)]
    }

    /// What the engine makes of a view.
    pub(crate) fn outcome(&self, seen: &Seen) -> Arc<Outcome> {
        if let Some(known) = self.known.lock().unwrap().get(seen) {
            return Arc::clone(known);
        }
        let outcome = Arc::new(self.ask(seen));
        self.known.lock().unwrap().insert(*seen, Arc::clone(&outcome));
        outcome
    }

    /// Views that were planned.
    pub(crate) fn views(&self) -> usize {
        self.known.lock().unwrap().len()
    }

    fn ask(&self, seen: &Seen) -> Outcome {
        let [source, destination] = seen.escrows;
        let source = (source.stand != Stand::Absent).then(|| {
            let mut leg = self.sources[usize::from(source.made - CREATIONS.start())].clone();
            leg.end = end(source, seen.heads[0], common::TOKEN);
            leg
        });
        let answers =
            (seen.bound > 0).then(|| &self.plans[usize::from(seen.bound - CREATIONS.start())]);
        let destination = (destination.stand != Stand::Absent)
            .then(|| self.destination(destination, seen.heads[1], answers.unwrap()));
        let factory = &self.world.routes[1].factories[0];
        let intended = match (answers, &destination) {
            (Some(plan), Some(leg)) => Some(plan.bound_to(leg, factory).unwrap()),
            (plan, _) => plan.cloned(),
        };
        let permission = destination.as_ref().filter(|_| seen.permitted).map(|leg| Permission {
            escrow: leg.escrow,
            caller: common::MAKER,
            signature: Bytes::new(),
        });
        let chain = |head| ChainView { head: block_ref(head), next_time: next_time(head) };
        let view = SwapView {
            order: &self.order[usize::from(seen.direct)],
            source: source.as_ref(),
            destination: destination.as_ref(),
            intended: intended.as_ref(),
            permission: permission.as_ref(),
            evidence: evidence(seen),
            source_chain: chain(seen.heads[0]),
            destination_chain: Some(chain(seen.heads[1])),
        };
        let plan = (self.planner)(&view, &self.world.terms());
        let ready = |due: &&bmn_swap::Due| due.when == When::Now;
        Outcome {
            status: plan.status,
            now: plan.due.iter().filter(ready).filter_map(Act::of).collect(),
            permit_now: plan.due.iter().filter(ready).any(|due| due.key.action == Action::Permit),
            wakes: plan
                .due
                .iter()
                .filter_map(|due| match &due.when {
                    When::Now => None,
                    When::Wake(wakes) => Some(wakes.clone()),
                })
                .flatten()
                .collect(),
            give_up_fill: plan.give_up_fill,
        }
    }

    fn destination(&self, escrow: Escrow, head: u8, plan: &DestinationPlan) -> DestinationLeg {
        let made = if escrow.made == 0 { head - 1 } else { escrow.made };
        let immutables = created(plan, self.dialect, made);
        let implementations = EscrowImplementations::for_factory(self.dialect, FACTORY);
        DestinationLeg {
            chain: B,
            escrow: destination_escrow(self.dialect, FACTORY, &implementations, &immutables),
            factory: FACTORY,
            dialect: self.dialect,
            hashlock: common::secret().hashlock(),
            taker: immutables.taker.masked(),
            created: at(made),
            end: end(escrow, head, common::TOKEN),
        }
    }
}

fn source_windows(locks: Timelocks) -> Windows {
    use bmn_primitives::Stage;
    Windows {
        withdraw: locks.at(Stage::SrcWithdrawal),
        public_withdraw: locks.at(Stage::SrcPublicWithdrawal),
        cancel: locks.at(Stage::SrcCancellation),
        public_cancel: locks.at(Stage::SrcPublicCancellation),
        rescue: locks.rescue(RESCUE_DELAY).start,
    }
}

fn destination_windows(plan: &DestinationPlan, dialect: Dialect, made: u8) -> Windows {
    use bmn_primitives::Stage;
    let locks = created(plan, dialect, made).timelocks;
    Windows {
        withdraw: locks.at(Stage::DstWithdrawal),
        public_withdraw: locks.at(Stage::DstPublicWithdrawal),
        cancel: locks.at(Stage::DstCancellation),
        public_cancel: u64::MAX,
        rescue: locks.rescue(RESCUE_DELAY).start,
    }
}

fn created(plan: &DestinationPlan, dialect: Dialect, made: u8) -> Immutables {
    let mut immutables = plan.immutables.clone();
    if !dialect.has_absolute_times() {
        immutables.timelocks = immutables.timelocks.with_deployed_at(time(made));
    }
    immutables
}

fn evidence(seen: &Seen) -> Evidence {
    let attempt = |n| [Attempt::Idle, Attempt::Live, Attempt::Closed][usize::from(n)];
    let secret = [SecretKnowledge::Unknown, SecretKnowledge::Sealed, SecretKnowledge::Public];
    Evidence {
        secret: secret[usize::from(seen.secret)],
        fill: attempt(seen.fill),
        funding: attempt(seen.funding),
        ..Evidence::default()
    }
}

fn end(escrow: Escrow, head: u8, token: Address) -> Option<(EscrowEnd, Inclusion)> {
    let end = match escrow.stand {
        Stand::Absent | Stand::Open => return None,
        Stand::Withdrawn => common::withdrawn(),
        Stand::Cancelled => EscrowEnd::Cancelled,
        Stand::Rescued => EscrowEnd::Rescued { token },
    };
    Some((end, at(head - u8::from(!escrow.fresh_end))))
}

fn source(world: &World, dialect: Dialect, made: u8) -> SourceLeg {
    let mut leg = world.source.clone().unwrap();
    let start = common::FILLED;
    let [cancellation, withdrawal] = ABSOLUTE.map(|seconds| start + seconds);
    let bound = common::imm(&mut leg);
    bound.timelocks = if dialect.has_absolute_times() {
        bmn_factory_timelocks(time(made), cancellation, withdrawal).unwrap()
    } else {
        Timelocks::pack(u32::try_from(time(made)).unwrap(), OFFSETS)
    };
    bound.taker = world.routes[0].taker(common::US, dialect).unwrap().into();
    let implementations = EscrowImplementations::for_factory(dialect, FACTORY);
    leg.swap.escrow = source_escrow(dialect, FACTORY, &implementations, bound);
    leg.swap.chain = A;
    leg.dialect = dialect;
    leg.created = at(made);
    leg
}

fn submitted() -> Origin {
    Origin::Submitted(Box::new(SignedOrder {
        order: LimitOrder {
            salt: U256::ZERO,
            maker: common::MAKER.into(),
            receiver: common::MAKER.into(),
            maker_asset: common::TOKEN.into(),
            taker_asset: common::TOKEN.into(),
            making_amount: common::whole(1_000),
            taking_amount: common::whole(990),
            // Bits 80 to 119: it expires after the last block in which a source may be created.
            maker_traits: MakerTraits(U256::from(time(*CREATIONS.end())) << 80),
        },
        extension: Bytes::new(),
        signature: OrderSignature::Contract(Bytes::new()),
        secret_hashes: vec![],
    }))
}
