//! The gate before our resolver contract: fills straight into the escrow, allowances that last for one
//! run, and rescues of deposit and tokens.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{
    EscrowImplementations, InnerCall, LimitOrder, MakerTraits, OrderSignature, ResolverFill,
    SecretTree, TakerTraits, calldata, order_domain,
};
use bmn_executor::{GateContext, GateError, Proposal, Purpose, allow};
use bmn_primitives::{
    AddressWord, BlockRef, ChainId, Complement, Dialect, Hashlock, Immutables, OrderId, Secret,
    SwapId, Timelocks,
};
use bmn_swap::{
    Action, ActionKey, Decision, DestinationPlan, FactoryTerms, Inclusion, Order, OrderTimes,
    Origin, Pace, Route, SignedOrder, SourceLeg, SourceTerms,
};

const A: ChainId = ChainId(1);

const fn at(n: u8) -> Address {
    Address::repeat_byte(n)
}

const US: Address = at(1);
const CONTRACT: Address = at(0x0c);
const FACTORY: Address = at(0xf1);
const PROTOCOL: Address = at(0x10);
const TOKEN: Address = at(0x51);
const ESCROW: Address = at(0x5e);
const DEPOSIT: u64 = 11;

fn hashes() -> Vec<Hashlock> {
    (1..=5).map(|n| Secret::new([n; 32]).hashlock()).collect()
}

fn route(dialect: Dialect) -> Route {
    Route {
        chain: A,
        pace: Pace { block_time: 2, inclusion: 4, confirmations: 2, skew: 2 },
        tokens: vec![],
        true_tokens: vec![],
        factories: vec![FactoryTerms {
            address: FACTORY,
            dialect,
            limit_order_protocol: PROTOCOL,
            implementations: EscrowImplementations::for_factory(dialect, FACTORY),
            rescue_delay: 100,
            index_only: false,
        }],
        min_order_value: 0,
        limits: Default::default(),
        resolver: Some(CONTRACT),
    }
}

struct Rows {
    order: Order,
    source: SourceLeg,
    plan: DestinationPlan,
    route: Route,
}

/// An order, all of it or its third part.
fn rows(dialect: Dialect, in_parts: bool) -> Rows {
    let secret_hashes = if in_parts { hashes() } else { Vec::new() };
    let traits = MakerTraits::cross_chain();
    let signed = LimitOrder {
        salt: U256::from(3u64),
        maker: AddressWord::from(at(0xaa)),
        receiver: AddressWord::ZERO,
        maker_asset: AddressWord::from(TOKEN),
        taker_asset: AddressWord::from(at(0x52)),
        making_amount: U256::from(400u64),
        taking_amount: U256::from(500u64),
        maker_traits: if in_parts { traits.with_multiple_fills() } else { traits },
    };
    let hash = signed.hash(&order_domain(dialect, A, PROTOCOL));
    let leaf = if in_parts { 2 } else { 0 };
    let (making, taking) = if in_parts { (100u64, 125u64) } else { (400, 500) };
    let hashlock = hashes()[usize::from(leaf)];
    let times = if dialect.has_absolute_times() {
        OrderTimes::Absolute { src_cancellation: 5_000, dst_withdrawal: 2_000 }
    } else {
        OrderTimes::Offsets(Timelocks::pack(0, [1, 2, 1_000, 4, 5, 6, 7]))
    };
    let order = Order {
        id: OrderId { chain: A, contract: PROTOCOL, hash, leaf },
        origin: Origin::Submitted(Box::new(SignedOrder {
            order: signed,
            extension: Bytes::from_static(&[5; 40]),
            signature: OrderSignature::Compact {
                r: B256::repeat_byte(1),
                vs: B256::repeat_byte(2),
            },
            secret_hashes,
        })),
        dialect,
        factory: FACTORY,
        hashlock,
        maker: at(0xaa),
        beneficiary: at(0xaa),
        source_token: TOKEN,
        source_amount: U256::from(making),
        source_deposit: U256::from(DEPOSIT),
        destination_chain: A,
        destination_token: TOKEN,
        destination_amount: U256::from(taking),
        destination_deposit: U256::from(9u64),
        times,
        seen_at: BlockRef::default(),
        decision: Decision::Accepted,
    };
    let bound = Immutables {
        order_hash: hash,
        hashlock,
        maker: AddressWord::from(at(0xaa)),
        taker: AddressWord::from(CONTRACT),
        token: AddressWord::from(TOKEN),
        amount: U256::from(making),
        safety_deposit: U256::from(DEPOSIT),
        timelocks: Timelocks::pack(1_000, [1, 2, 1_000, 4, 5, 6, 7]),
        parameters: Bytes::new(),
    };
    let complement = Complement {
        maker: AddressWord::from(at(0xaa)),
        amount: U256::from(taking),
        token: AddressWord::from(TOKEN),
        safety_deposit: U256::from(9u64),
        chain_id: U256::from(A.0),
        parameters: Bytes::new(),
    };
    let planned = Immutables {
        amount: U256::from(taking),
        safety_deposit: U256::from(9u64),
        ..bound.clone()
    };
    let swap = SwapId { chain: A, escrow: ESCROW };
    let source = SourceLeg {
        swap,
        factory: FACTORY,
        dialect,
        terms: SourceTerms::Stated { immutables: bound, complement },
        created: Inclusion { block: BlockRef::default(), tx_hash: B256::ZERO, log_index: 0 },
        fill: None,
        end: None,
    };
    let plan = DestinationPlan {
        chain: A,
        factory: FACTORY,
        source: swap,
        immutables: planned,
        escrow: Some(at(0xde)),
    };
    Rows { order, source, plan, route: route(dialect) }
}

impl Rows {
    fn judge(&self, action: Action, to: Address, value: u64, data: &[u8]) -> Result<(), GateError> {
        let escrow = match action {
            Action::RescueSource => ESCROW,
            _ => Address::ZERO,
        };
        let key = ActionKey { order: self.order.id, action, chain: A, escrow };
        let (source, plan) = (Some(&self.source), Some(&self.plan));
        let context = GateContext {
            us: US,
            contract: Some(CONTRACT),
            route: Some(&self.route),
            purpose: Purpose::Action { key, order: &self.order, source, plan },
        };
        allow(&Proposal { chain: A, to, value: U256::from(value), data }, &context)
    }

    fn signed(&self) -> &SignedOrder {
        let Origin::Submitted(signed) = &self.order.origin else { unreachable!() };
        signed
    }

    /// The creation of its destination, with the end of the source as it is told to the factory.
    fn create(&self, claimed: u64) -> InnerCall {
        let data =
            calldata::create_dst_escrow(self.order.dialect, &self.plan.immutables, Some(claimed));
        InnerCall::new(FACTORY, data).paying(U256::from(9u64))
    }

    /// A fill that pays the taker, as BMN's.
    fn plain_fill(&self) -> InnerCall {
        let signed = self.signed();
        let traits = TakerTraits::bmn_fill(signed.extension.len(), signed.order.taking_amount);
        let data = calldata::fill_order_args(
            &signed.order,
            &signed.signature,
            signed.order.making_amount,
            traits,
            signed.extension.clone(),
        );
        InnerCall::new(PROTOCOL, data)
    }

    fn fill(&self) -> ResolverFill {
        let (order, signed) = (&self.order, self.signed());
        let interaction = if signed.secret_hashes.is_empty() {
            Bytes::new()
        } else {
            let tree = SecretTree::new(&signed.secret_hashes).unwrap();
            let leaf = order.id.leaf;
            let proof = tree.proof(usize::from(leaf)).unwrap();
            calldata::secret_proof(FACTORY, &proof, u64::from(leaf), order.hashlock)
        };
        let OrderTimes::Offsets(timelocks) = order.times else { unreachable!() };
        let bound = self.source.immutables().unwrap().clone();
        let taking = order.destination_amount;
        let lengths = (signed.extension.len(), interaction.len());
        ResolverFill {
            immutables: Immutables { timelocks, ..bound },
            factory: FACTORY,
            limit_order_protocol: PROTOCOL,
            order: signed.order.clone(),
            signature: signed.signature.clone(),
            amount: order.source_amount,
            taker_traits: TakerTraits::one_inch_fill(lengths.0, lengths.1, taking),
            args: [&signed.extension[..], &interaction[..]].concat().into(),
        }
    }

    fn judge_fill(&self, fill: &ResolverFill) -> Result<(), GateError> {
        let data = calldata::resolver_fill(self.order.dialect, fill);
        self.judge(Action::Fill, CONTRACT, DEPOSIT, &data)
    }
}

const ONE_INCH: [Dialect; 2] = [Dialect::OneInch1, Dialect::OneInch2];

fn cases() -> impl Iterator<Item = Rows> {
    ONE_INCH.into_iter().flat_map(|dialect| [rows(dialect, false), rows(dialect, true)])
}

#[test]
fn a_fill_into_the_escrow_passes_as_it_is_and_with_no_other_value_target_or_action() {
    for rows in cases() {
        let fill = rows.fill();
        assert_eq!(rows.judge_fill(&fill), Ok(()));
        let data = calldata::resolver_fill(rows.order.dialect, &fill);
        for value in [0, DEPOSIT - 1, DEPOSIT + 1] {
            let found = rows.judge(Action::Fill, CONTRACT, value, &data);
            let (found_value, expected) = (U256::from(value), U256::from(DEPOSIT));
            assert_eq!(found, Err(GateError::Value { found: found_value, expected }));
        }
        assert!(rows.judge(Action::Fill, at(0x66), DEPOSIT, &data).is_err());
        for action in [Action::FundDestination, Action::RescueSource] {
            assert!(rows.judge(action, CONTRACT, DEPOSIT, &data).is_err(), "{action:?}");
        }
    }
}

#[test]
fn no_changed_byte_of_a_fill_into_the_escrow_passes() {
    for rows in cases() {
        let right = calldata::resolver_fill(rows.order.dialect, &rows.fill());
        for place in 0..right.len() {
            let mut data = right.to_vec();
            data[place] ^= 1;
            let judged = rows.judge(Action::Fill, CONTRACT, DEPOSIT, &data);
            assert!(judged.is_err(), "{:?}: byte {place}", rows.order.dialect);
        }
        let longer = [&right[..], &[0; 32]].concat();
        assert!(rows.judge(Action::Fill, CONTRACT, DEPOSIT, &longer).is_err());
    }
}

#[test]
fn every_wrong_field_of_a_fill_into_the_escrow_is_named() {
    type Change = fn(&mut ResolverFill);
    let cases_of: [(Change, GateError); 18] = [
        (|it| it.factory = at(0x66), GateError::Target(at(0x66))),
        (|it| it.limit_order_protocol = at(0x66), GateError::Target(at(0x66))),
        (|it| it.order.taking_amount += U256::ONE, GateError::Argument("order")),
        (
            |it| {
                it.signature = OrderSignature::Compact { r: B256::ZERO, vs: B256::repeat_byte(2) };
            },
            GateError::Argument("signature"),
        ),
        (|it| it.amount += U256::ONE, GateError::Argument("amount")),
        (|it| it.immutables.order_hash.0 = B256::ZERO, GateError::Argument("orderHash")),
        (
            |it| it.immutables.hashlock = Secret::new([9; 32]).hashlock(),
            GateError::Argument("hashlock"),
        ),
        (|it| it.immutables.maker = at(0x66).into(), GateError::Argument("maker")),
        (|it| it.immutables.taker = US.into(), GateError::Argument("taker")),
        (|it| it.immutables.token = at(0x66).into(), GateError::Argument("token")),
        (|it| it.immutables.amount += U256::ONE, GateError::Argument("amount")),
        (|it| it.immutables.safety_deposit = U256::ZERO, GateError::Argument("safetyDeposit")),
        (
            |it| it.immutables.timelocks = it.immutables.timelocks.with_deployed_at(7),
            GateError::Argument("timelocks"),
        ),
        (|it| it.args = Bytes::from_static(&[6; 40]), GateError::Argument("extension")),
        (|it| it.args = [&it.args[..], &[1]].concat().into(), GateError::Argument("interaction")),
        (
            |it| it.taker_traits = it.taker_traits.with_threshold(U256::from(9_999u64)),
            GateError::Argument("takerTraits"),
        ),
        (
            |it| it.taker_traits = it.taker_traits.with_interaction_length(7),
            GateError::Argument("takerTraits"),
        ),
        (
            |it| it.taker_traits = TakerTraits(it.taker_traits.0 << 1 >> 1),
            GateError::Argument("takerTraits"),
        ),
    ];
    for rows in cases() {
        for (case, (change, expected)) in cases_of.iter().enumerate() {
            let mut fill = rows.fill();
            change(&mut fill);
            assert_eq!(rows.judge_fill(&fill), Err(expected.clone()), "case {case}");
        }
    }
}

#[test]
fn the_proof_of_another_part_is_refused() {
    for dialect in ONE_INCH {
        let rows = rows(dialect, true);
        let mut fill = rows.fill();
        let tree = SecretTree::new(&hashes()).unwrap();
        let other = calldata::secret_proof(FACTORY, &tree.proof(3).unwrap(), 3, hashes()[3]);
        fill.args = [&rows.signed().extension[..], &other[..]].concat().into();
        assert_eq!(rows.judge_fill(&fill), Err(GateError::Argument("interaction")));
        fill.args = rows.signed().extension.clone();
        assert_eq!(rows.judge_fill(&fill), Err(GateError::Argument("interaction")));
    }
}

#[test]
fn the_contract_takes_from_us_what_it_funds_and_nothing_else() {
    let rows = rows(Dialect::OneInch1, false);
    let amount = U256::from(500u64);
    let create = rows.create(1_999);
    let allow = InnerCall::new(TOKEN, calldata::approve(FACTORY, amount));
    let fund = |pull: InnerCall, action| {
        let calls = [pull, allow.clone(), create.clone()];
        let data = calldata::resolver_run(&calls, &[TOKEN, Address::ZERO]);
        rows.judge(action, CONTRACT, 9, &data)
    };
    let pull = |from, to, amount: u64| {
        InnerCall::new(TOKEN, calldata::transfer_from(from, to, U256::from(amount)))
    };
    assert_eq!(fund(pull(US, CONTRACT, 500), Action::FundDestination), Ok(()));
    let refused = |field| Err(GateError::Argument(field));
    assert_eq!(fund(pull(at(0xaa), CONTRACT, 500), Action::FundDestination), refused("from"));
    assert_eq!(fund(pull(US, at(0x66), 500), Action::FundDestination), refused("to"));
    assert_eq!(fund(pull(US, CONTRACT, 501), Action::FundDestination), refused("amount"));
    let other = InnerCall { to: at(0x66), ..pull(US, CONTRACT, 500) };
    assert_eq!(fund(other, Action::FundDestination), Err(GateError::Target(at(0x66))));
    let paying = pull(US, CONTRACT, 500).paying(U256::ONE);
    assert!(fund(paying, Action::FundDestination).is_err());
    assert!(fund(pull(US, CONTRACT, 500), Action::Fill).is_err());
    // Not as a call of our own: then it is no matter of the contract's.
    let alone = calldata::transfer_from(US, CONTRACT, amount);
    assert!(rows.judge(Action::FundDestination, TOKEN, 0, &alone).is_err());
}

#[test]
fn an_allowance_and_the_fill_that_uses_it_up_are_one_run() {
    let rows = rows(Dialect::Bmn302, false);
    let allow = InnerCall::new(TOKEN, calldata::approve(FACTORY, rows.order.source_amount));
    let fill = rows.plain_fill();
    let run = |calls: &[InnerCall]| {
        let data = calldata::resolver_run(calls, &[TOKEN, Address::ZERO]);
        rows.judge(Action::Fill, CONTRACT, 0, &data)
    };
    assert_eq!(run(&[allow.clone(), fill.clone()]), Ok(()));
    let more = InnerCall::new(TOKEN, calldata::approve(FACTORY, U256::from(401u64)));
    let refused = Err(GateError::Approval { amount: U256::from(401u64), most: U256::from(400u64) });
    assert_eq!(run(&[more, fill.clone()]), refused);
    let other = InnerCall::new(TOKEN, calldata::approve(at(0x66), U256::ONE));
    assert_eq!(run(&[other, fill.clone()]), Err(GateError::Argument("spender")));
    assert!(run(&[allow, fill.paying(U256::ONE)]).is_err());
}

#[test]
fn an_allowance_that_nothing_after_it_uses_up_is_not_granted() {
    let rows = rows(Dialect::OneInch1, false);
    let allow = |amount: u64| InnerCall::new(TOKEN, calldata::approve(FACTORY, U256::from(amount)));
    let create = rows.create(1_999);
    let run = |calls: &[InnerCall]| {
        let value: U256 = calls.iter().map(|call| call.value).sum();
        let data = calldata::resolver_run(calls, &[TOKEN, Address::ZERO]);
        rows.judge(Action::FundDestination, CONTRACT, value.to(), &data)
    };
    let unused = Err(GateError::UnusedAllowance(FACTORY));
    assert_eq!(run(&[allow(500), create.clone()]), Ok(()));
    assert_eq!(run(&[allow(500)]), unused);
    assert_eq!(run(&[create.clone(), allow(500)]), unused);
    assert_eq!(run(&[allow(500), create.clone(), allow(1)]), unused);
    assert_eq!(run(&[create, allow(0)]), Ok(()), "taken back");
    let open = self::rows(Dialect::Bmn302, false);
    let judge = |spender| {
        let allow = InnerCall::new(TOKEN, calldata::approve(spender, U256::ONE));
        let calls = [allow, open.plain_fill()];
        let data = calldata::resolver_run(&calls, &[]);
        open.judge(Action::Fill, CONTRACT, 0, &data)
    };
    assert_eq!(judge(FACTORY), Ok(()));
    assert_eq!(judge(PROTOCOL), Err(GateError::UnusedAllowance(PROTOCOL)));
    // The owner's own allowance would stand open to anybody.
    let alone = calldata::approve(FACTORY, U256::ONE);
    let judged = open.judge(Action::Fill, TOKEN, 0, &alone);
    assert_eq!(judged, Err(GateError::StandingAllowance(FACTORY)));
}

#[test]
fn what_the_factory_is_told_of_the_sources_end_is_before_it() {
    for dialect in ONE_INCH {
        let rows = rows(dialect, false);
        let fund = |rows: &Rows, claimed: u64| {
            let create = rows.create(claimed);
            let data = calldata::resolver_run(std::slice::from_ref(&create), &[]);
            rows.judge(Action::FundDestination, CONTRACT, 9, &data)
        };
        // The source was made at 1000 and can be cancelled 1000 s later.
        assert_eq!(fund(&rows, 1_999), Ok(()));
        let refused = Err(GateError::Argument("srcCancellationTimestamp"));
        for claimed in [2_000, 2_001, u64::MAX] {
            assert_eq!(fund(&rows, claimed), refused, "{claimed}");
        }
        let offsets = |change: fn(&mut [u32; 7])| {
            let mut offsets = [1, 2, 1_000, 4, 5, 6, 7];
            change(&mut offsets);
            Timelocks::pack(0, offsets)
        };
        let refused = Err(GateError::Argument("timelocks"));
        let other = offsets(|it| it[6] += 1);
        let mut planned = self::rows(dialect, false);
        planned.plan.immutables.timelocks = other;
        assert_eq!(fund(&planned, 1_999), refused, "a plan of other offsets");
        let mut ordered = self::rows(dialect, false);
        ordered.order.times = OrderTimes::Offsets(other);
        assert_eq!(fund(&ordered, 1_999), refused, "a source of other offsets than the order's");
    }
}

#[test]
fn nothing_is_swept_but_the_coin_and_the_orders_tokens_of_the_acting_chain() {
    let run = |rows: &Rows, action, sweep: &[Address]| {
        let call = match action {
            Action::FundDestination => rows.create(1_999),
            _ => rows.plain_fill(),
        };
        let value = call.value.to();
        let data = calldata::resolver_run(std::slice::from_ref(&call), sweep);
        rows.judge(action, CONTRACT, value, &data)
    };
    let (other, coin) = (at(0x77), Address::ZERO);
    let mut funding = rows(Dialect::OneInch1, false);
    funding.order.source_token = other;
    funding.order.id.chain = ChainId(2);
    let mut filling = rows(Dialect::Bmn302, false);
    filling.order.destination_token = other;
    filling.order.destination_chain = ChainId(2);
    for (rows, action) in [(funding, Action::FundDestination), (filling, Action::Fill)] {
        for sweep in [&[][..], &[coin], &[TOKEN], &[TOKEN, coin], &[coin, TOKEN]] {
            assert_eq!(run(&rows, action, sweep), Ok(()), "{sweep:?}");
        }
        // No token, the order's on its other chain, our own account, a factory, the escrow.
        for strange in [at(0x66), other, US, CONTRACT, FACTORY, ESCROW] {
            for sweep in [&[strange][..], &[TOKEN, strange], &[strange, coin]] {
                let judged = run(&rows, action, sweep);
                assert_eq!(judged, Err(GateError::Sweep(strange)), "{sweep:?}");
            }
        }
        let twice = run(&rows, action, &[TOKEN, coin, TOKEN]);
        assert_eq!(twice, Err(GateError::Sweep(TOKEN)));
    }
}

#[test]
fn a_rescue_takes_the_deposit_and_the_tokens_and_no_more_of_either() {
    for dialect in ONE_INCH {
        let rows = rows(dialect, false);
        let bound = rows.source.immutables().unwrap();
        let rescue = |token, amount: u64| {
            let amount = U256::from(amount);
            InnerCall::new(ESCROW, calldata::rescue_funds(dialect, token, amount, bound))
        };
        let run = |calls: &[InnerCall]| {
            let data = calldata::resolver_run(calls, &[TOKEN, Address::ZERO]);
            rows.judge(Action::RescueSource, CONTRACT, 0, &data)
        };
        let coins = || rescue(Address::ZERO, DEPOSIT);
        assert_eq!(run(&[coins(), rescue(TOKEN, 400)]), Ok(()));
        assert_eq!(run(&[rescue(TOKEN, 400)]), Ok(()), "an escrow without its deposit");
        assert!(run(&[rescue(Address::ZERO, DEPOSIT + 1), rescue(TOKEN, 400)]).is_err());
        assert!(run(&[coins(), rescue(TOKEN, 401)]).is_err());
        assert!(run(&[coins(), rescue(at(0x66), 400)]).is_err());
        let elsewhere = InnerCall { to: at(0x66), ..rescue(TOKEN, 400) };
        assert_eq!(run(&[coins(), elsewhere]), Err(GateError::Target(at(0x66))));
    }
}
