//! The gate: what is signed, and everything else, which is not.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod strangers;

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{
    EscrowImplementations, InnerCall, LimitOrder, MakerTraits, OrderSignature, TakerTraits,
    calldata, order_domain,
};
use bmn_executor::{GateContext, GateError, Proposal, Purpose, allow};
use bmn_primitives::{
    AddressWord, BlockRef, ChainId, Complement, Dialect, Immutables, OrderHash, OrderId, Secret,
    SwapId, Timelocks,
};
use bmn_swap::{
    Action, ActionKey, Decision, DestinationPlan, FactoryTerms, Inclusion, Order, OrderTimes,
    Origin, Pace, Route, SignedOrder, SourceLeg, SourceTerms,
};

const A: ChainId = ChainId(1);
const B: ChainId = ChainId(2);

const fn at(n: u8) -> Address {
    Address::repeat_byte(n)
}

const US: Address = at(1);
const CONTRACT: Address = at(0x0c);

fn secret() -> Secret {
    Secret::new([7; 32])
}

fn immutables(token: Address) -> Immutables {
    Immutables {
        order_hash: order_of_maker().1,
        hashlock: secret().hashlock(),
        maker: AddressWord::from(at(0xaa)),
        taker: AddressWord::from(US),
        token: AddressWord::from(token),
        amount: U256::from(500u64),
        safety_deposit: U256::from(9u64),
        timelocks: Timelocks::pack(1_000, [0, 60, 4_000, 4_060, 1_000, 1_060, 4_000]),
        parameters: Bytes::from_static(&[1]),
    }
}

fn order_of_maker() -> (LimitOrder, OrderHash) {
    let order = LimitOrder {
        salt: U256::from(3u64),
        maker: AddressWord::from(at(0xaa)),
        receiver: AddressWord::ZERO,
        maker_asset: AddressWord::from(at(0x51)),
        taker_asset: AddressWord::from(at(0x52)),
        making_amount: U256::from(400u64),
        taking_amount: U256::from(500u64),
        maker_traits: MakerTraits(U256::ZERO),
    };
    let hash = order.hash(&order_domain(Dialect::Bmn4, A, at(0x10)));
    (order, hash)
}

fn route(chain: ChainId, factory: u8, protocol: u8) -> Route {
    Route {
        chain,
        pace: Pace { block_time: 2, inclusion: 4, confirmations: 2, skew: 2 },
        tokens: vec![],
        true_tokens: vec![],
        factories: vec![FactoryTerms {
            address: at(factory),
            dialect: Dialect::Bmn4,
            limit_order_protocol: at(protocol),
            implementations: EscrowImplementations { source: at(0xe1), destination: at(0xe2) },
            rescue_delay: 100,
            index_only: false,
        }],
        min_order_value: 0,
        limits: Default::default(),
        resolver: None,
    }
}

/// An order of ours with both its legs.
struct Rows {
    order: Order,
    source: SourceLeg,
    plan: DestinationPlan,
    routes: [Route; 2],
    contract: Option<Address>,
}

fn rows() -> Rows {
    let (order, hash) = order_of_maker();
    let id = OrderId { chain: A, contract: at(0x10), hash, leaf: 0 };
    let signature = OrderSignature::Compact { r: B256::repeat_byte(1), vs: B256::repeat_byte(2) };
    let extension = Bytes::from_static(&[5; 40]);
    let source = SourceLeg {
        swap: SwapId { chain: A, escrow: at(0x5e) },
        factory: at(0xf1),
        dialect: Dialect::Bmn4,
        terms: SourceTerms::Stated {
            immutables: immutables(at(0x51)),
            complement: Complement {
                maker: AddressWord::from(at(0xbb)),
                amount: U256::from(500u64),
                token: AddressWord::from(at(0x61)),
                safety_deposit: U256::from(9u64),
                chain_id: U256::from(B.0),
                parameters: Bytes::new(),
            },
        },
        created: Inclusion { block: BlockRef::default(), tx_hash: B256::ZERO, log_index: 0 },
        fill: None,
        end: None,
    };
    let plan = DestinationPlan {
        chain: B,
        factory: at(0xf2),
        source: source.swap,
        immutables: Immutables {
            maker: AddressWord::from(at(0xbb)),
            timelocks: Timelocks::pack(1_006, [0, 54, 3_994, 4_054, 994, 1_054, 3_000]),
            ..immutables(at(0x61))
        },
        escrow: Some(at(0xde)),
    };
    let order = Order {
        id,
        origin: Origin::Submitted(Box::new(SignedOrder {
            order,
            extension,
            signature,
            secret_hashes: Vec::new(),
        })),
        dialect: Dialect::Bmn4,
        factory: at(0xf1),
        hashlock: secret().hashlock(),
        maker: at(0xaa),
        beneficiary: at(0xbb),
        source_token: at(0x51),
        source_amount: U256::from(400u64),
        destination_chain: B,
        destination_token: at(0x61),
        destination_amount: U256::from(500u64),
        destination_deposit: U256::from(9u64),
        source_deposit: U256::ZERO,
        times: OrderTimes::Absolute { src_cancellation: 5_000, dst_withdrawal: 2_000 },
        seen_at: BlockRef::default(),
        decision: Decision::Accepted,
    };
    let routes = [route(A, 0xf1, 0x10), route(B, 0xf2, 0x20)];
    Rows { order, source, plan, routes, contract: None }
}

/// A transaction that owns its calldata.
#[derive(Clone)]
struct Tx {
    chain: ChainId,
    to: Address,
    value: U256,
    data: Bytes,
}

fn tx(chain: ChainId, to: Address, value: u64, data: Bytes) -> Tx {
    Tx { chain, to, value: U256::from(value), data }
}

impl Rows {
    fn judge(&self, action: Action, tx: &Tx) -> Result<(), GateError> {
        let (chain, escrow) = match action {
            Action::Fill => (A, Address::ZERO),
            Action::FundDestination => (B, Address::ZERO),
            Action::WithdrawDestination
            | Action::CancelDestination
            | Action::PublicWithdrawDestination
            | Action::Permit => (B, self.plan.escrow.unwrap()),
            Action::WithdrawSource
            | Action::CancelSource
            | Action::RescueSource
            | Action::PublicWithdrawSource
            | Action::PublicCancelSource => (A, self.source.swap.escrow),
        };
        let key = ActionKey { order: self.order.id, action, chain, escrow };
        let (source, plan) = (Some(&self.source), Some(&self.plan));
        self.pass(Purpose::Action { key, order: &self.order, source, plan }, tx)
    }

    fn pass(&self, purpose: Purpose<'_>, tx: &Tx) -> Result<(), GateError> {
        let route = self.routes.iter().find(|route| route.chain == tx.chain);
        let context = GateContext { us: US, contract: self.contract, route, purpose };
        let Tx { chain, to, value, ref data } = *tx;
        allow(&Proposal { chain, to, value, data }, &context)
    }

    fn source_bound(&self) -> &Immutables {
        self.source.immutables().unwrap()
    }

    /// The transaction that is right for an action.
    fn right(&self, action: Action) -> Tx {
        let (source, planned) = (self.source_bound(), &self.plan.immutables);
        let dialect = Dialect::Bmn4;
        let (first, second) = (self.source.swap.escrow, self.plan.escrow.unwrap());
        match action {
            Action::Fill => self.fill(|traits| traits, |order| order, &[5; 40]),
            Action::FundDestination => {
                tx(B, self.plan.factory, 9, calldata::create_dst_escrow(dialect, planned, None))
            }
            Action::WithdrawSource => {
                tx(A, first, 0, calldata::withdraw(dialect, &secret(), source))
            }
            Action::WithdrawDestination => {
                tx(B, second, 0, calldata::withdraw(dialect, &secret(), planned))
            }
            Action::CancelSource => tx(A, first, 0, calldata::cancel(dialect, source)),
            Action::CancelDestination => tx(B, second, 0, calldata::cancel(dialect, planned)),
            Action::RescueSource => {
                let token = source.token.masked();
                tx(A, first, 0, calldata::rescue_funds(dialect, token, source.amount, source))
            }
            Action::PublicWithdrawSource => {
                tx(A, first, 0, calldata::public_withdraw(dialect, &secret(), source))
            }
            Action::PublicWithdrawDestination => {
                tx(B, second, 0, calldata::public_withdraw(dialect, &secret(), planned))
            }
            Action::PublicCancelSource => tx(A, first, 0, calldata::public_cancel(dialect, source)),
            Action::Permit => unreachable!("no transaction"),
        }
    }

    fn fill(
        &self,
        traits: impl Fn(TakerTraits) -> TakerTraits,
        order: impl Fn(LimitOrder) -> LimitOrder,
        extension: &[u8],
    ) -> Tx {
        let Origin::Submitted(signed) = &self.order.origin else { unreachable!("submitted") };
        let taken = TakerTraits::bmn_fill(extension.len(), signed.order.taking_amount);
        let data = calldata::fill_order_args(
            &order(signed.order.clone()),
            &signed.signature,
            signed.order.making_amount,
            traits(taken),
            Bytes::copy_from_slice(extension),
        );
        tx(A, at(0x10), 0, data)
    }
}

const SENT: [Action; 7] = [
    Action::Fill,
    Action::FundDestination,
    Action::WithdrawSource,
    Action::WithdrawDestination,
    Action::CancelSource,
    Action::CancelDestination,
    Action::RescueSource,
];

#[test]
fn each_action_passes_with_its_own_call_and_with_no_other_actions() {
    let rows = rows();
    for asked in SENT {
        for sent in SENT {
            let judged = rows.judge(asked, &rows.right(sent));
            assert_eq!(judged.is_ok(), asked == sent, "{asked:?} with {sent:?}: {judged:?}");
        }
    }
}

#[test]
fn no_other_target_value_or_chain_passes() {
    let rows = rows();
    for action in SENT {
        let right = rows.right(action);
        let target = Tx { to: at(0x66), ..right.clone() };
        assert_eq!(rows.judge(action, &target), Err(GateError::Target(at(0x66))), "{action:?}");
        for value in [right.value + U256::from(1u64), U256::MAX] {
            let found = rows.judge(action, &Tx { value, ..right.clone() });
            assert_eq!(found, Err(GateError::Value { found: value, expected: right.value }));
        }
        let chain = if right.chain == A { B } else { A };
        let found = rows.judge(action, &Tx { chain, ..right.clone() });
        assert_eq!(found, Err(GateError::Chain { found: chain, expected: right.chain }));
    }
}

#[test]
fn no_changed_byte_of_the_calldata_passes() {
    let rows = rows();
    for action in SENT {
        let right = rows.right(action);
        for place in 0..right.data.len() {
            let mut data = right.data.to_vec();
            data[place] ^= 1;
            let judged = rows.judge(action, &Tx { data: data.into(), ..right.clone() });
            assert!(judged.is_err(), "{action:?}: byte {place}");
        }
        for end in [0, 3, 4, right.data.len() - 1] {
            let data = right.data.slice(..end);
            assert!(rows.judge(action, &Tx { data, ..right.clone() }).is_err(), "{action:?}");
        }
        let longer = [&right.data[..], &[0; 32]].concat();
        assert!(rows.judge(action, &Tx { data: longer.into(), ..right }).is_err(), "{action:?}");
    }
}

#[test]
fn a_public_cancel_is_never_signed_whatever_asks_for_it() {
    let rows = rows();
    let planned = &rows.plan.immutables;
    let signed = Bytes::from_static(&[1; 65]);
    for data in [
        calldata::public_cancel(Dialect::Bmn4, planned),
        calldata::public_cancel(Dialect::Bmn302, planned),
        calldata::public_cancel_signed(Dialect::Bmn4, planned, signed),
    ] {
        for action in SENT {
            let right = rows.right(action);
            let judged = rows.judge(action, &Tx { data: data.clone(), ..right });
            assert_eq!(judged, Err(GateError::PublicCancel), "{action:?}");
        }
    }
}

#[test]
fn tokens_move_by_no_plain_transfer_and_to_no_other_receiver() {
    let rows = rows();
    let stranger = at(0x66);
    let drains = [
        calldata::transfer(stranger, U256::from(1u64)),
        calldata::mint(stranger, U256::from(1u64)),
        calldata::withdraw_to(Dialect::Bmn4, &secret(), stranger, rows.source_bound()),
        calldata::public_withdraw(Dialect::Bmn4, &secret(), rows.source_bound()),
        Bytes::new(),
    ];
    for action in SENT {
        for data in &drains {
            let judged = rows.judge(action, &Tx { data: data.clone(), ..rows.right(action) });
            assert!(judged.is_err(), "{action:?}");
        }
    }
}

#[test]
fn a_fill_pays_no_more_and_calls_nobody_else() {
    let rows = rows();
    let fill = |tx: Tx| rows.judge(Action::Fill, &tx);
    let same = |order: LimitOrder| order;
    assert_eq!(fill(rows.fill(|it| it, same, &[5; 40])), Ok(()));
    let traits = |change: fn(TakerTraits) -> TakerTraits| fill(rows.fill(change, same, &[5; 40]));
    let refused = |field| Err(GateError::Argument(field));
    assert_eq!(traits(TakerTraits::with_target), refused("takerTraits"));
    assert_eq!(traits(|it| it.with_interaction_length(20)), refused("takerTraits"));
    assert_eq!(traits(|it| it.with_threshold(U256::from(501u64))), refused("threshold"));
    assert_eq!(traits(|it| it.with_threshold(U256::ZERO)), refused("threshold"));
    assert_eq!(traits(|it| TakerTraits(it.0 << 1 >> 1)), refused("amount"), "a taking amount");
    let dearer = |order| LimitOrder { taking_amount: U256::from(501u64), ..order };
    assert_eq!(fill(rows.fill(|it| it, dearer, &[5; 40])), refused("order"));
    assert_eq!(fill(rows.fill(|it| it, same, &[6; 40])), refused("extension"));
}

#[test]
fn a_plan_that_is_not_the_orders_is_not_funded() {
    type Change = fn(&mut DestinationPlan);
    let cases: [(Change, &str); 6] = [
        (|plan| plan.immutables.taker = AddressWord::from(at(0x66)), "taker"),
        (|plan| plan.immutables.maker = AddressWord::from(at(0x66)), "maker"),
        (|plan| plan.immutables.token = AddressWord::from(at(0x66)), "token"),
        (|plan| plan.immutables.amount = U256::from(501u64), "amount"),
        (|plan| plan.immutables.safety_deposit = U256::from(10u64), "safetyDeposit"),
        (|plan| plan.immutables.hashlock = Secret::new([8; 32]).hashlock(), "hashlock"),
    ];
    for (change, field) in cases {
        let mut changed = rows();
        change(&mut changed.plan);
        let funding = changed.right(Action::FundDestination);
        let judged = changed.judge(Action::FundDestination, &funding);
        assert_eq!(judged, Err(GateError::Argument(field)));
    }
    let mut rows = rows();
    rows.routes[1].factories[0].index_only = true;
    let funding = rows.right(Action::FundDestination);
    let judged = rows.judge(Action::FundDestination, &funding);
    assert_eq!(judged, Err(GateError::Target(rows.plan.factory)), "a factory that is not served");
}

#[test]
fn a_destination_that_outlives_its_source_or_opens_at_another_time_is_not_funded() {
    let source_ends = 5_000;
    // Deployment, then the offsets of: source windows, withdrawal, public withdrawal, cancellation.
    let cases: [([u32; 4], Result<(), &str>); 10] = [
        ([1_006, 994, 1_054, 3_000], Ok(())),
        ([1_006, 994, 1_054, source_ends - 1 - 1_006], Ok(())),
        ([1_006, 994, 1_054, source_ends - 1_006], Err("dstCancellation")),
        ([1_006, 994, 1_054, u32::MAX], Err("dstCancellation")),
        ([1_006, 994, 1_054, 994], Err("dstCancellation")),
        ([1_006, 993, 1_054, 3_000], Err("dstWithdrawal")),
        ([1_006, 995, 1_054, 3_000], Err("dstWithdrawal")),
        ([1_006, 994, 1_055, 3_000], Err("dstPublicWithdrawal")),
        // What is created while the maker may already withdraw opens at once.
        ([2_010, 0, 50, 2_000], Ok(())),
        ([599, 1_401, 1_461, 3_000], Err("deployedAt")),
    ];
    for ([at, opens, public, ends], expected) in cases {
        let mut rows = rows();
        rows.source.created.block.time = 900;
        rows.plan.immutables.timelocks = Timelocks::pack(at, [0, 0, 0, 0, opens, public, ends]);
        let judged = rows.judge(Action::FundDestination, &rows.right(Action::FundDestination));
        assert_eq!(judged, expected.map_err(GateError::Argument), "{at} {opens} {public} {ends}");
    }
}

#[test]
fn a_plan_for_another_source_is_not_funded() {
    type Change = fn(&mut Rows);
    fn bound(rows: &mut Rows) -> &mut Immutables {
        let SourceTerms::Stated { immutables, .. } = &mut rows.source.terms else { unreachable!() };
        immutables
    }
    let cases: [(Change, &str); 4] = [
        (|rows| rows.plan.source.escrow = at(0x66), "source"),
        (|rows| bound(rows).hashlock = Secret::new([8; 32]).hashlock(), "hashlock"),
        (|rows| bound(rows).order_hash = OrderHash(B256::ZERO), "orderHash"),
        (
            |rows| {
                let sooner = [0, 60, 3_500, 4_060, 1_000, 1_060, 4_000];
                bound(rows).timelocks = Timelocks::pack(1_000, sooner);
            },
            "timelocks",
        ),
    ];
    for (change, field) in cases {
        let mut rows = rows();
        change(&mut rows);
        let judged = rows.judge(Action::FundDestination, &rows.right(Action::FundDestination));
        assert_eq!(judged, Err(GateError::Argument(field)));
    }
    let mut named = rows();
    named.source.terms = SourceTerms::Named(bmn_swap::NamedTerms::default());
    let right = rows().right(Action::FundDestination);
    let judged = named.judge(Action::FundDestination, &right);
    assert_eq!(judged, Err(GateError::Missing("what the source escrow is bound to")));
}

#[test]
fn a_key_grants_nothing_to_a_factory_that_anybody_can_have_take_it() {
    let mut rows = rows();
    let approve = |rows: &Rows, action, amount: u64| {
        let (chain, token, spender) = match action {
            Action::Fill => (A, at(0x51), at(0xf1)),
            _ => (B, at(0x61), at(0xf2)),
        };
        let data = calldata::approve(spender, U256::from(amount));
        rows.judge(action, &tx(chain, token, 0, data))
    };
    for dialect in Dialect::ALL {
        rows.routes.iter_mut().for_each(|route| route.factories[0].dialect = dialect);
        let guarded = matches!(dialect, Dialect::Bmn4 | Dialect::OneInch1 | Dialect::OneInch2);
        for (action, factory) in [(Action::Fill, at(0xf1)), (Action::FundDestination, at(0xf2))] {
            let refused = Err(GateError::StandingAllowance(factory));
            let expected = if guarded { Ok(()) } else { refused };
            for amount in [1, 400] {
                assert_eq!(approve(&rows, action, amount), expected, "{dialect:?} {action:?}");
            }
            assert_eq!(approve(&rows, action, 0), Ok(()), "taken back");
        }
    }
}

#[test]
fn a_native_destination_carries_its_amount_and_its_deposit() {
    let mut rows = rows();
    rows.plan.immutables.token = AddressWord::ZERO;
    rows.order.destination_token = Address::ZERO;
    let mut funding = rows.right(Action::FundDestination);
    let judged = rows.judge(Action::FundDestination, &funding);
    let (found, expected) = (U256::from(9u64), U256::from(509u64));
    assert_eq!(judged, Err(GateError::Value { found, expected }));
    funding.value = expected;
    assert_eq!(rows.judge(Action::FundDestination, &funding), Ok(()));
}

#[test]
fn an_escrow_that_does_not_name_us_is_not_touched() {
    for action in [Action::WithdrawSource, Action::CancelSource, Action::RescueSource] {
        let mut rows = rows();
        let SourceTerms::Stated { immutables, .. } = &mut rows.source.terms else { unreachable!() };
        immutables.taker = AddressWord::from(at(0x66));
        let judged = rows.judge(action, &rows.right(action));
        assert_eq!(judged, Err(GateError::Argument("taker")), "{action:?}");
    }
}

#[test]
fn an_approval_is_exact_or_less_and_for_those_that_are_served() {
    let rows = rows();
    let approve = |action, chain, token, spender, amount: u64| {
        let data = calldata::approve(spender, U256::from(amount));
        rows.judge(action, &tx(chain, token, 0, data))
    };
    let fund = |token, spender, amount| approve(Action::FundDestination, B, token, spender, amount);
    for amount in [0, 1, 500] {
        assert_eq!(fund(at(0x61), at(0xf2), amount), Ok(()));
    }
    let (amount, most) = (U256::from(501u64), U256::from(500u64));
    assert_eq!(fund(at(0x61), at(0xf2), 501), Err(GateError::Approval { amount, most }));
    assert_eq!(fund(at(0x61), at(0x66), 1), Err(GateError::Argument("spender")));
    assert_eq!(fund(at(0x61), at(0xf1), 1), Err(GateError::Argument("spender")), "not there");
    assert_eq!(fund(at(0x66), at(0xf2), 1), Err(GateError::Target(at(0x66))));
    assert_eq!(approve(Action::Fill, A, at(0x51), at(0xf1), 400), Ok(()));
    assert_eq!(approve(Action::Fill, A, at(0x51), at(0x10), 400), Ok(()));
    assert!(approve(Action::Fill, A, at(0x51), at(0xf1), 401).is_err());
    assert!(approve(Action::CancelSource, A, at(0x51), at(0xf1), 0).is_err());
    let dirty = [&calldata::approve(at(0xf2), U256::from(1u64))[..], &[0]].concat();
    let judged = rows.judge(Action::FundDestination, &tx(B, at(0x61), 0, dirty.into()));
    assert!(matches!(judged, Err(GateError::Selector { .. })), "{judged:?}");
}

#[test]
fn a_filler_pays_nobody_and_calls_nothing() {
    let rows = rows();
    let filler = |to, value, data: &'static [u8]| {
        rows.pass(Purpose::Filler, &tx(A, to, value, Bytes::from_static(data)))
    };
    assert_eq!(filler(US, 0, &[]), Ok(()));
    assert_eq!(filler(at(0x66), 0, &[]), Err(GateError::Target(at(0x66))));
    assert!(matches!(filler(US, 1, &[]), Err(GateError::Value { .. })));
    assert!(matches!(filler(US, 0, &[1]), Err(GateError::Selector { .. })));
}

fn pack(calls: &[Tx]) -> Bytes {
    let calls = calls.iter().map(|call| InnerCall {
        to: call.to,
        value: call.value,
        data: call.data.clone(),
    });
    calldata::resolver_run(&calls.collect::<Vec<_>>(), &[at(0x61), Address::ZERO])
}

#[test]
fn a_call_to_our_contract_passes_when_every_call_inside_would() {
    let mut rows = rows();
    rows.contract = Some(CONTRACT);
    let approve = tx(B, at(0x61), 0, calldata::approve(at(0xf2), U256::from(500u64)));
    let fund = rows.right(Action::FundDestination);
    let run = |value, calls: &[Tx]| {
        rows.judge(Action::FundDestination, &tx(B, CONTRACT, value, pack(calls)))
    };
    assert_eq!(run(9, &[approve.clone(), fund.clone()]), Ok(()));
    let (found, expected) = (U256::from(10u64), U256::from(9u64));
    let refused = Err(GateError::Value { found, expected });
    assert_eq!(run(10, &[approve.clone(), fund.clone()]), refused, "what it keeps is not needed");
    let drain = tx(B, at(0x61), 0, calldata::transfer(at(0x66), U256::from(1u64)));
    for inner in [
        vec![fund.clone(), drain],
        vec![fund.clone(), tx(B, at(0x61), 0, calldata::approve(at(0x66), U256::from(1u64)))],
        vec![approve.clone(), tx(B, at(0x66), 9, fund.data.clone())],
        vec![tx(B, at(0x61), 0, calldata::approve(at(0xf2), U256::MAX)), fund.clone()],
        vec![fund.clone(), tx(B, CONTRACT, 0, pack(std::slice::from_ref(&approve)))],
        vec![],
        vec![approve; 17],
    ] {
        assert!(run(9, &inner).is_err(), "{} calls", inner.len());
    }
    let garbage = tx(B, CONTRACT, 0, Bytes::from_static(&[3, 1]));
    assert_eq!(rows.judge(Action::FundDestination, &garbage), Err(GateError::Inner));
}

#[test]
fn the_taker_may_be_our_contract_where_there_is_one() {
    let mut rows = rows();
    rows.plan.immutables.taker = AddressWord::from(CONTRACT);
    let funding = rows.right(Action::FundDestination);
    let refused = Err(GateError::Argument("taker"));
    assert_eq!(rows.judge(Action::FundDestination, &funding), refused);
    rows.contract = Some(CONTRACT);
    assert_eq!(rows.judge(Action::FundDestination, &funding), Ok(()));
}
