//! The keeper: which public actions on strangers' escrows are taken, and why the others are not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy::primitives::{Address, B256, U256};
use bmn_contracts::{EscrowImplementations, destination_escrow, source_escrow};
use bmn_primitives::{Dialect, Immutables, Timelocks};
use bmn_swap::{
    Access, Action, Decision, DestinationLeg, EscrowEnd, FactoryTerms, KeeperAction, KeeperBudget,
    KeeperChain, KeeperDue, KeeperPlan, KeeperRefusal, KeeperTerms, KeeperView, Keeping,
    NamedTerms, Origin, Price, SecretKnowledge, SourceLeg, SourceTerms, Status, Wake, When,
    choose_kept, find_destination, keep, watch,
};
use common::{A, B, FACTORY, FILLED, PACE, TOKEN, World, at, com, imm, view, withdrawn};
use std::collections::BTreeMap;

const STRANGER: Address = Address::repeat_byte(0x5a);
const OFFSETS: [u32; 7] = [30, 120, 330, 360, 30, 60, 240];
/// When the destination was created, and with it the start of its windows.
const CREATED: u64 = FILLED + 20;
const TERMS: KeeperTerms =
    KeeperTerms { win_bps: 5_000, lost_gas: 30_000, min_expected: 1, quiet_blocks: 3 };
const GWEI: u128 = 1_000_000_000;

struct Stranger {
    source: SourceLeg,
    destination: Option<DestinationLeg>,
    bound: Option<Immutables>,
    secret: SecretKnowledge,
    a: KeeperChain,
    b: Option<KeeperChain>,
    ours: Vec<B256>,
    terms: KeeperTerms,
}

fn chain(number: u64, time: u64) -> KeeperChain {
    KeeperChain {
        view: view(number, time),
        pace: PACE,
        access: Access::Held,
        gas_price: Some(10 * GWEI),
        data_fee: 0,
        coin: Price(2_000_000_000),
        own_due_in: None,
    }
}

fn factory(dialect: Dialect) -> FactoryTerms {
    FactoryTerms {
        dialect,
        implementations: EscrowImplementations::for_factory(dialect, FACTORY),
        ..World::locked().routes[0].factories[0]
    }
}

impl Stranger {
    /// Both escrows stand, the secret is public, the destination's public window is open.
    fn new(dialect: Dialect) -> Self {
        let mut source = World::locked().source.unwrap();
        let deposit = U256::from(10).pow(U256::from(16));
        let bound = imm(&mut source);
        bound.taker = STRANGER.into();
        if !dialect.has_absolute_times() {
            bound.timelocks = Timelocks::pack(u32::try_from(FILLED).unwrap(), OFFSETS);
            bound.safety_deposit = deposit;
        }
        let implementations = EscrowImplementations::for_factory(dialect, FACTORY);
        source.swap.escrow = source_escrow(dialect, FACTORY, &implementations, bound);
        com(&mut source).safety_deposit = deposit;
        source.dialect = dialect;
        let mut leg = DestinationLeg {
            chain: B,
            escrow: Address::ZERO,
            factory: FACTORY,
            dialect,
            hashlock: common::secret().hashlock(),
            taker: STRANGER,
            created: at(110, CREATED),
            end: None,
        };
        let (source_bound, complement) = source.stated().unwrap();
        let mut made = source_bound.clone();
        (made.maker, made.token) = (complement.maker, complement.token);
        (made.amount, made.safety_deposit) = (complement.amount, complement.safety_deposit);
        if !dialect.has_absolute_times() {
            made.timelocks = made.timelocks.with_deployed_at(CREATED);
        }
        leg.escrow = destination_escrow(dialect, FACTORY, &implementations, &made);
        let bound = find_destination(&source, &leg, &factory(dialect), None);
        assert_eq!(bound, Some(made));
        Self {
            source,
            destination: Some(leg),
            bound,
            secret: SecretKnowledge::Public,
            a: chain(60, CREATED + 80),
            b: Some(chain(150, CREATED + 80)),
            ours: vec![],
            terms: TERMS,
        }
    }

    fn plan(&self) -> KeeperPlan {
        let view = KeeperView {
            source: &self.source,
            destination: self.destination.as_ref(),
            bound: self.bound.as_ref(),
            secret: self.secret,
            ours: &[common::US],
            keeping: Keeping { ours: &self.ours, closed: false },
            source_chain: self.a,
            destination_chain: self.b,
        };
        keep(&view, &self.terms)
    }

    fn due(&self, action: KeeperAction) -> Option<KeeperDue> {
        self.plan().due.into_iter().find(|due| due.action == action)
    }

    fn refused(&self, action: KeeperAction) -> Option<KeeperRefusal> {
        let found = self.plan().refused.into_iter().find(|(other, _)| *other == action);
        found.map(|(_, reason)| reason)
    }

    fn end_destination(&mut self, end: EscrowEnd, time: u64) {
        self.destination.as_mut().unwrap().end = Some((end, at(140, time)));
    }

    fn set_time(&mut self, time: u64) {
        self.a.view = view(1_000, time);
        self.b = self.b.map(|b| KeeperChain { view: view(2_000, time), ..b });
    }
}

const PAY: KeeperAction = KeeperAction::WithdrawDestination;
const TAKE: KeeperAction = KeeperAction::WithdrawSource;
const GIVE: KeeperAction = KeeperAction::CancelSource;

#[test]
fn a_destination_is_finished_with_a_public_secret_inside_its_public_window() {
    for dialect in [Dialect::OneInch1, Dialect::Bmn4] {
        let mut world = Stranger::new(dialect);
        world.set_time(CREATED + 110);
        let due = world.due(PAY).unwrap();
        assert_eq!(due.when, When::Now, "{dialect:?}");
        assert_eq!((due.chain, due.escrow), (B, world.destination.as_ref().unwrap().escrow));
        world.secret = SecretKnowledge::Sealed;
        assert_eq!(world.refused(PAY), Some(KeeperRefusal::SecretUnknown));
    }
}

#[test]
fn a_public_window_is_waited_for_and_its_end_is_respected() {
    let mut world = Stranger::new(Dialect::OneInch1);
    let when = |world: &Stranger| world.due(PAY).map(|due| due.when);
    world.set_time(CREATED + 60 - 3);
    let wake = Wake::Time { chain: B, time: CREATED + 60 };
    assert_eq!(when(&world), Some(When::Wake(vec![wake])));
    world.set_time(CREATED + 60 - 2);
    assert_eq!(when(&world), Some(When::Now), "the next block is inside");
    world.set_time(CREATED + 240 - PACE.inclusion - 2);
    assert_eq!(when(&world), Some(When::Now));
    world.set_time(CREATED + 240 - PACE.inclusion - 1);
    assert_eq!(world.refused(PAY), Some(KeeperRefusal::TooLate { seconds: 1 }));
}

#[test]
fn an_escrow_is_finished_only_when_it_is_confirmed() {
    let mut world = Stranger::new(Dialect::OneInch1);
    world.b.as_mut().unwrap().view = view(112, CREATED + 80);
    let wake = Wake::Height { chain: B, number: 113 };
    assert_eq!(world.due(PAY).unwrap().when, When::Wake(vec![wake]));
}

#[test]
fn a_source_goes_to_its_taker_only_after_the_maker_s_payment_is_confirmed() {
    let mut world = Stranger::new(Dialect::OneInch1);
    world.set_time(FILLED + 150);
    assert_eq!(world.refused(TAKE), Some(KeeperRefusal::MakerUnpaid));
    world.end_destination(EscrowEnd::Cancelled, FILLED + 100);
    assert_eq!(world.refused(TAKE), Some(KeeperRefusal::MakerUnpaid));
    world.end_destination(EscrowEnd::Rescued { token: Address::ZERO }, FILLED + 100);
    assert_eq!(world.refused(TAKE), Some(KeeperRefusal::MakerUnpaid), "only dust was rescued");
    world.end_destination(withdrawn(), FILLED + 100);
    assert_eq!(world.due(TAKE).unwrap().when, When::Now);
    world.b.as_mut().unwrap().view = view(142, FILLED + 150);
    let wake = Wake::Height { chain: B, number: 143 };
    assert_eq!(world.due(TAKE).unwrap().when, When::Wake(vec![wake]));
    world.b = None;
    assert_eq!(world.refused(TAKE), Some(KeeperRefusal::ChainNotServed));
    world.b = Some(chain(2_000, FILLED + 150));
    world.destination = None;
    assert_eq!(world.refused(TAKE), Some(KeeperRefusal::MakerUnpaid));
}

#[test]
fn a_source_goes_back_only_to_a_maker_who_was_not_paid_and_cannot_be() {
    let mut world = Stranger::new(Dialect::OneInch1);
    world.secret = SecretKnowledge::Unknown;
    world.set_time(FILLED + 357);
    let wake = Wake::Time { chain: A, time: FILLED + 360 };
    assert_eq!(world.due(GIVE).unwrap().when, When::Wake(vec![wake]));
    world.set_time(FILLED + 358);
    assert_eq!(world.due(GIVE).unwrap().when, When::Now);
    // A destination chain whose clock is behind can still pay.
    world.b.as_mut().unwrap().view = view(2_000, CREATED + 240);
    let over = CREATED + 240 + PACE.settle() + PACE.block_time;
    assert_eq!(
        world.due(GIVE).unwrap().when,
        When::Wake(vec![Wake::Time { chain: B, time: over }])
    );
    world.bound = None;
    assert_eq!(world.refused(GIVE), Some(KeeperRefusal::TermsUnknown));
    world.end_destination(withdrawn(), FILLED + 100);
    assert_eq!(world.refused(GIVE), Some(KeeperRefusal::MakerPaid));
    world.end_destination(EscrowEnd::Cancelled, FILLED + 300);
    assert_eq!(world.due(GIVE).unwrap().when, When::Now);
    world.destination = None;
    assert_eq!(world.due(GIVE).unwrap().when, When::Now, "nothing was ever created");
    world.b = None;
    assert_eq!(world.refused(GIVE), Some(KeeperRefusal::ChainNotServed));
}

#[test]
fn nothing_is_done_without_the_access_token() {
    for (access, reason) in [
        (Access::Refused, KeeperRefusal::NoAccessToken),
        (Access::Unknown, KeeperRefusal::AccessUnknown),
    ] {
        let mut world = Stranger::new(Dialect::Bmn4);
        world.b.as_mut().unwrap().access = access;
        assert_eq!(world.refused(PAY), Some(reason));
    }
}

#[test]
fn a_probe_tells_by_the_first_complaint_whether_we_hold_the_token() {
    assert_eq!(Access::from_probe(None), Access::Held);
    assert_eq!(Access::from_probe(Some(&[])), Access::Refused, "no token at all");
    for (selector, access) in [
        (0x48f5_c3ed_u32, Access::Refused),
        (0x0155_201f, Access::Refused),
        (0x6f7e_ac26, Access::Held),
        (0xa269_484a, Access::Held),
        (0xabab_6bd7, Access::Held),
        (0xfb7f_5079, Access::Held),
        (0x8a03_32d5, Access::Held),
        (0x0123_4567, Access::Unknown),
    ] {
        let data = [&selector.to_be_bytes()[..], &[0; 32]].concat();
        assert_eq!(Access::from_probe(Some(&data)), access, "{selector:08x}");
    }
    assert_eq!(Access::from_probe(Some(&[0x48])), Access::Unknown);
}

#[test]
fn a_race_is_entered_only_when_it_pays_on_average() {
    let mut world = Stranger::new(Dialect::OneInch1);
    // 0.01 coins at 2000; 68 100 and 30 000 gas at 10 gwei: 20, 1.362 and 0.6, each cost rounded up.
    let numbers = world.due(PAY).unwrap().numbers;
    assert_eq!((numbers.deposit, numbers.cost, numbers.lost), (20_000_000, 1_362_001, 600_001));
    assert_eq!(numbers.expected, (20_000_000 - 1_362_001 - 600_001) / 2);
    assert_eq!(numbers.wei, 681_000 * GWEI);
    world.terms.min_expected = u128::try_from(numbers.expected).unwrap();
    assert!(world.due(PAY).is_some());
    world.terms.min_expected += 1;
    let min = world.terms.min_expected;
    assert_eq!(world.refused(PAY), Some(KeeperRefusal::NotWorth { numbers, min }));
    world.terms = KeeperTerms { win_bps: 0, min_expected: 0, ..TERMS };
    let Some(KeeperRefusal::NotWorth { numbers, .. }) = world.refused(PAY) else {
        panic!("a race that is never won")
    };
    assert_eq!(numbers.expected, -600_001);
}

#[test]
fn a_dear_or_unknown_gas_price_keeps_us_out() {
    let mut world = Stranger::new(Dialect::OneInch1);
    world.b.as_mut().unwrap().gas_price = Some(300 * GWEI);
    assert!(matches!(world.refused(PAY), Some(KeeperRefusal::NotWorth { .. })));
    world.b.as_mut().unwrap().gas_price = Some(10 * GWEI);
    world.b.as_mut().unwrap().data_fee = 20_000_000 * GWEI;
    let told = world.refused(PAY).unwrap().to_string();
    assert!(told.contains("the deposit is worth 20000000"), "{told}");
    world.b.as_mut().unwrap().gas_price = None;
    assert_eq!(world.refused(PAY), Some(KeeperRefusal::NoGasPrice));
    world.b.as_mut().unwrap().gas_price = Some(u128::MAX);
    assert!(matches!(world.refused(PAY), Some(KeeperRefusal::NotWorth { .. })), "no overflow");
}

#[test]
fn our_own_deadlines_go_first() {
    let mut world = Stranger::new(Dialect::OneInch1);
    world.b.as_mut().unwrap().own_due_in = Some(3);
    assert_eq!(world.refused(PAY), Some(KeeperRefusal::OwnWorkFirst { blocks: 3, quiet: 3 }));
    world.b.as_mut().unwrap().own_due_in = Some(4);
    assert!(world.due(PAY).is_some());
    // Work on the other chain is no reason.
    world.a.own_due_in = Some(0);
    assert!(world.due(PAY).is_some());
}

#[test]
fn our_own_escrows_and_bmn_sources_are_left_alone() {
    let mut world = Stranger::new(Dialect::OneInch1);
    world.bound.as_mut().unwrap().taker = common::US.into();
    imm(&mut world.source).taker = common::US.into();
    assert_eq!(world.refused(PAY), Some(KeeperRefusal::Ours));
    assert_eq!(world.refused(GIVE), Some(KeeperRefusal::Ours));
    assert!(world.plan().over);
    let mut bmn = Stranger::new(Dialect::Bmn4);
    imm(&mut bmn.source).safety_deposit = U256::from(1);
    assert_eq!(bmn.refused(TAKE), Some(KeeperRefusal::NoDeposit));
    assert_eq!(bmn.refused(GIVE), Some(KeeperRefusal::NoDeposit));
}

#[test]
fn a_destination_that_does_not_derive_from_the_source_is_not_believed() {
    let world = Stranger::new(Dialect::OneInch1);
    let mut leg = world.destination.clone().unwrap();
    leg.created = at(110, CREATED + 1);
    assert_eq!(find_destination(&world.source, &leg, &factory(Dialect::OneInch1), None), None);
    let stated = world.bound.as_ref();
    let found = find_destination(&world.source, &leg, &factory(Dialect::OneInch1), stated);
    assert_eq!(found.as_ref(), stated, "the creating call says what it is bound to");
    leg.factory = STRANGER;
    assert_eq!(find_destination(&world.source, &leg, &factory(Dialect::OneInch1), stated), None);
}

#[test]
fn a_swap_is_over_when_nothing_public_can_ever_be_done() {
    let mut world = Stranger::new(Dialect::Bmn4);
    assert!(!world.plan().over);
    world.set_time(FILLED + 700);
    let plan = world.plan();
    assert!(plan.due.is_empty() && plan.over, "{plan:?}");
    let mut source = Stranger::new(Dialect::OneInch1);
    source.set_time(FILLED + 700);
    assert!(!source.plan().over, "the source can be cancelled publicly for ever");
}

#[test]
fn an_end_of_ours_is_kept_and_anybody_else_s_is_released() {
    let mut world = Stranger::new(Dialect::OneInch1);
    world.end_destination(withdrawn(), CREATED + 80);
    assert_eq!(world.plan().status, Status::Watched, "the source still stands");
    world.source.end = Some((withdrawn(), at(70, CREATED + 90)));
    assert_eq!(world.plan().status, Status::Released);
    world.ours = vec![B256::ZERO];
    assert_eq!(world.plan().status, Status::Kept);
    assert_eq!(world.plan().due, vec![]);
    let dust = EscrowEnd::Rescued { token: Address::ZERO };
    world.source.end = Some((dust, at(70, CREATED + 90)));
    assert_eq!(world.plan().status, Status::Watched, "its own token is still in it");
    world.source.end = Some((EscrowEnd::Rescued { token: TOKEN }, at(70, CREATED + 90)));
    assert_eq!(world.plan().status, Status::Kept);
}

#[test]
fn the_best_of_what_is_due_is_taken_within_the_day_s_gas_and_the_open_jobs() {
    let mut world = Stranger::new(Dialect::OneInch1);
    let small = world.due(PAY).unwrap();
    world.b.as_mut().unwrap().coin = Price(4_000_000_000);
    let large = KeeperDue { escrow: STRANGER, ..world.due(PAY).unwrap() };
    let later = KeeperDue {
        when: When::Wake(vec![Wake::Time { chain: B, time: u64::MAX }]),
        ..large.clone()
    };
    let choose = |gas_left, max_open| {
        let budget = KeeperBudget { gas_left, open: 0, max_open };
        let mut budgets = BTreeMap::from([(B, budget)]);
        let due = vec![small.clone(), later.clone(), large.clone()];
        (choose_kept(due, &mut budgets), budgets[&B])
    };
    let wei = large.numbers.wei;
    let (both, left) = choose(2 * wei, 2);
    assert_eq!(both.taken, [large.clone(), small.clone()]);
    assert_eq!((left.gas_left, left.open), (0, 2));
    let (one, _) = choose(2 * wei - 1, 2);
    assert_eq!(one.taken, std::slice::from_ref(&large));
    let spent = KeeperRefusal::GasSpent { wei, left: wei - 1 };
    assert_eq!(one.put_off, [(small.clone(), spent)]);
    let (one, _) = choose(2 * wei, 1);
    assert_eq!(one.put_off, [(small.clone(), KeeperRefusal::TooManyOpen { open: 1 })]);
    let without = choose_kept(vec![large.clone()], &mut BTreeMap::new());
    assert!(without.taken.is_empty() && without.put_off.len() == 1);
}

#[test]
fn a_public_action_is_reckoned_with_the_gas_that_its_dialect_uses() {
    let wei = |dialect: Dialect, action: KeeperAction| {
        let mut world = Stranger::new(dialect);
        if action == TAKE {
            world.end_destination(withdrawn(), CREATED + 70);
        }
        world.set_time(if action == PAY { CREATED + 80 } else { FILLED + 200 });
        world.due(action).unwrap().numbers.wei
    };
    for (dialect, action, gas) in [
        (Dialect::Bmn4, PAY, 68_100),
        (Dialect::OneInch1, PAY, 68_100),
        (Dialect::OneInch2, PAY, 114_100),
        (Dialect::OneInch1, TAKE, 68_100),
        (Dialect::OneInch2, TAKE, 68_100),
        (Dialect::OneInch1, GIVE, 67_100),
        (Dialect::OneInch2, GIVE, 67_100),
    ] {
        assert_eq!(wei(dialect, action), gas * 10 * GWEI, "{dialect} {action:?}");
    }
}

#[test]
fn a_public_action_has_one_name_wherever_it_is_told() {
    for action in KeeperAction::ALL {
        assert_eq!(action.name(), action.action().name());
        assert!(action.name().starts_with("public"));
    }
    let public = KeeperAction::ALL.map(KeeperAction::action);
    for action in Action::ALL {
        assert_eq!(action.is_keeper(), public.contains(&action), "{action:?}");
    }
}

#[test]
fn a_watched_swap_is_a_row_that_nothing_is_reserved_or_funded_for() {
    let mut source = Stranger::new(Dialect::OneInch1).source;
    let row = watch(&source).unwrap();
    assert_eq!((&row.origin, &row.decision), (&Origin::Watched, &Decision::Refused(vec![])));
    assert!(!row.is_accepted());
    assert_eq!((row.id.contract, row.hashlock), (source.swap.escrow, source.hashlock().unwrap()));
    source.terms = SourceTerms::Named(NamedTerms::default());
    assert_eq!(watch(&source), None, "nobody can call it");
}

#[test]
fn only_a_rescue_of_its_own_token_ends_an_escrow() {
    let dust = EscrowEnd::Rescued { token: Address::ZERO };
    let own = EscrowEnd::Rescued { token: TOKEN };
    let mut world = Stranger::new(Dialect::OneInch1);
    world.end_destination(dust, CREATED + 70);
    assert!(world.due(PAY).is_some(), "the maker's tokens are still in it");
    world.end_destination(own, CREATED + 70);
    assert_eq!(world.refused(PAY), Some(KeeperRefusal::Ended));
    let mut world = Stranger::new(Dialect::OneInch1);
    world.source.end = Some((dust, at(70, CREATED + 70)));
    assert!(world.due(GIVE).is_some());
    world.source.end = Some((own, at(70, CREATED + 70)));
    assert_eq!(world.refused(GIVE), Some(KeeperRefusal::Ended));
}

#[test]
fn a_swap_that_only_waits_for_its_secret_is_not_over() {
    let mut world = Stranger::new(Dialect::Bmn4);
    world.secret = SecretKnowledge::Unknown;
    let plan = world.plan();
    assert!(plan.due.is_empty() && !plan.over, "{plan:?}");
    assert_eq!(world.refused(PAY), Some(KeeperRefusal::SecretUnknown));
}
