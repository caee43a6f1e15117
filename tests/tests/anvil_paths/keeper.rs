//! Strangers' 1inch swaps that their resolver leaves unfinished: our node holds the access token, and ends
//! them for the safety deposits.

use crate::{
    addresses,
    anvil::{BLOCK_TIME, read, send},
    books::{Books, us},
    maker::{DEPOSIT, Maker, Wish},
    world::{ONE_INCH, World, say},
};
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_config::DevContract;
use bmn_contracts::{
    ContractEvent, Emitter, EscrowImplementations, TakerTraits, calldata, decode,
    destination_escrow, source_escrow,
};
use bmn_primitives::{Complement, Dialect, Immutables, Stage};
use bmn_rpc_api::{EndKind, OrderOrigin, SwapStatus};
use bmn_sim::{Sent, Wallet, accounts::DevAccount};
use serde_json::Value;

/// Source: private and public withdrawal, private and public cancellation; destination: both withdrawals
/// and the cancellation. Seconds.
const OFFSETS: [u32; 7] = [10, 120, 300, 360, 10, 100, 200];

/// How far the other resolver comes before he is not heard of again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// He has paid the maker, and has not taken the source.
    Source,
    /// He has taken the source, and has not paid the maker.
    Destination,
    /// He has filled the order, and made no destination.
    Refund,
}

const LEFT: [Left; 3] = [Left::Source, Left::Destination, Left::Refund];

/// A swap of the other resolver's.
struct Stray {
    maker: Maker,
    left: Left,
    source: Immutables,
    complement: Complement,
    destination: Option<Immutables>,
}

/// Who resolves them.
const BOB: DevAccount = DevAccount::Griefer;

impl Stray {
    fn source_escrow(&self, world: &World) -> Address {
        source_of(world, self.maker.dialect(), &self.source)
    }

    fn destination_escrow(&self, world: &World) -> Address {
        let dialect = self.maker.dialect();
        let factory = world.chains[1].factory(dialect).address;
        let both = EscrowImplementations::for_factory(dialect, factory);
        let bound = self.destination.as_ref().expect("created");
        destination_escrow(dialect, factory, &both, bound)
    }
}

fn source_of(world: &World, dialect: Dialect, bound: &Immutables) -> Address {
    let factory = world.chains[0].factory(dialect).address;
    source_escrow(dialect, factory, &EscrowImplementations::for_factory(dialect, factory), bound)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_escrows_are_ended_for_their_deposits_and_nobody_else_is_the_poorer() {
    let mut world = World::new("[keeper]\nenabled = true\n").await;
    let mut makers = Vec::new();
    for dialect in ONE_INCH {
        for _ in LEFT {
            let index = u32::try_from(makers.len()).expect("few");
            let wish =
                Wish { filler: Some(BOB.address()), offsets: OFFSETS, ..Wish::plain(dialect) };
            makers.push(Maker::new(&mut world, index, wish).await);
        }
    }
    endow_resolvers(&mut world, &makers).await;
    world.start().await;
    let mut books = Books::open(&world, &[addresses(&makers), vec![BOB.address()]].concat()).await;
    let mut strays = fill(&mut world, makers).await;
    create_destinations(&mut world, &mut strays).await;
    withdraw_halves(&mut world, &strays).await;
    world
        .until("all are kept", async |world| {
            let kept =
                world.swaps().await.iter().filter(|it| it.status == SwapStatus::Kept).count();
            kept == strays.len()
        })
        .await;
    world.finish().await;
    for stray in &strays {
        ended_by_us(&world, stray).await;
        let (bob, deposit) = (BOB.address(), U256::from(DEPOSIT));
        if stray.left != Left::Refund {
            let Wish { making, taking, .. } = stray.maker.wish;
            books.completed(&stray.maker, making, taking, bob);
        }
        books.deposit(usize::from(stray.left == Left::Destination), deposit, bob, us());
    }
    books.close(&world).await;
    world.stop().await;
    world.verify().await;
    for stray in &strays {
        let path = match stray.left {
            Left::Source => "keeper: publicWithdraw of a stranger's source",
            Left::Destination => "keeper: publicWithdraw of a stranger's destination",
            Left::Refund => "keeper: publicCancel of a stranger's source",
        };
        let checked = "the deposit is ours, balances of all three exact, database verified";
        say(stray.maker.dialect(), path, checked);
    }
}

/// The access token for us, tokens and allowances for Bob.
async fn endow_resolvers(world: &mut World, makers: &[Maker]) {
    for chain in [0, 1] {
        let access = (DevContract::AccessToken.address(), U256::ONE);
        world.mint(chain, us(), &[access]).await;
    }
    let total = makers.iter().map(|maker| maker.wish.taking).sum();
    let token = makers[0].tokens[1];
    world.mint(1, BOB.address(), &[(token, total)]).await;
    let mut wallet = world.chains[1].wallet(BOB.signer()).await;
    let mut sent = Vec::new();
    for dialect in ONE_INCH {
        let approve = calldata::approve(world.chains[1].factory(dialect).address, total);
        sent.push(send(&mut wallet, token, U256::ZERO, approve).await);
    }
    world.mined(1, &sent, "an allowance").await;
}

/// Bob fills every order in one block, whose time the escrows' addresses depend on.
async fn fill(world: &mut World, makers: Vec<Maker>) -> Vec<Stray> {
    let time = world.now + BLOCK_TIME;
    let mut wallet = world.chains[0].wallet(BOB.signer()).await;
    let (mut sources, mut sent) = (Vec::new(), Vec::new());
    for maker in &makers {
        let (dialect, offer) = (maker.dialect(), &maker.offer);
        let extra = offer.extra(dialect);
        let source = Immutables {
            order_hash: offer.id.hash,
            hashlock: extra.hashlock,
            maker: offer.order.maker,
            taker: BOB.address().into(),
            token: offer.order.maker_asset,
            amount: offer.order.making_amount,
            safety_deposit: extra.src_deposit(dialect),
            timelocks: extra.source_timelocks(dialect, time).expect("times"),
            parameters: Bytes::new(),
        };
        let escrow = source_of(world, dialect, &source);
        sent.push(send(&mut wallet, escrow, source.safety_deposit, Bytes::new()).await);
        let (making, taking) = (offer.order.making_amount, offer.order.taking_amount);
        let traits = TakerTraits::one_inch_fill(offer.extension.len(), 0, taking);
        let target = calldata::fill_arguments(Some(escrow), &offer.extension, &[]);
        let (order, signature) = (&offer.order, &offer.signature);
        let data = calldata::fill_order_args(order, signature, making, traits, target);
        sent.push(send(&mut wallet, offer.id.contract, U256::ZERO, data).await);
        sources.push(source);
    }
    let receipts = world.mined(0, &sent, "a fill by Bob").await;
    let fills = receipts.iter().skip(1).step_by(2);
    let lefts = LEFT.iter().copied().cycle();
    makers
        .into_iter()
        .zip(sources)
        .zip(fills.zip(lefts))
        .map(|((maker, source), (receipt, left))| {
            let complement = created(maker.dialect(), receipt, &source);
            Stray { maker, left, source, complement, destination: None }
        })
        .collect()
}

/// What the factory says of the destination of a fill.
fn created(dialect: Dialect, receipt: &Value, source: &Immutables) -> Complement {
    let logs = receipt["logs"].as_array().expect("logs");
    let found = logs.iter().find_map(|log| {
        let topics: Vec<B256> = read(log["topics"].clone());
        let data: Bytes = read(log["data"].clone());
        match decode(Emitter::Factory(dialect), &topics, &data) {
            Ok(Some(ContractEvent::SourceCreated { immutables, complement })) => {
                assert_eq!(immutables, *source, "{dialect}");
                Some(complement)
            }
            _ => None,
        }
    });
    found.expect("a source")
}

/// Bob creates those that he does not leave out.
async fn create_destinations(world: &mut World, strays: &mut [Stray]) {
    let time = world.now + BLOCK_TIME;
    let mut wallet = world.chains[1].wallet(BOB.signer()).await;
    let mut sent = Vec::new();
    for stray in strays.iter_mut().filter(|stray| stray.left != Left::Refund) {
        let (dialect, complement) = (stray.maker.dialect(), &stray.complement);
        let bound = Immutables {
            maker: complement.maker,
            token: complement.token,
            amount: complement.amount,
            safety_deposit: complement.safety_deposit,
            parameters: complement.parameters.clone(),
            timelocks: stray.source.timelocks.with_deployed_at(time),
            ..stray.source.clone()
        };
        let data = calldata::create_dst_escrow(dialect, &bound, None);
        let factory = world.chains[1].factory(dialect).address;
        sent.push(send(&mut wallet, factory, bound.safety_deposit, data).await);
        stray.destination = Some(bound);
    }
    world.mined(1, &sent, "a destination of Bob's").await;
}

/// Bob withdraws one leg of each whose both legs stand, and with it shows the secret.
async fn withdraw_halves(world: &mut World, strays: &[Stray]) {
    for (chain, left) in [(0, Left::Destination), (1, Left::Source)] {
        let mut wallet: Wallet = world.chains[chain].wallet(BOB.signer()).await;
        let mut sent: Vec<Sent> = Vec::new();
        for stray in strays.iter().filter(|stray| stray.left == left) {
            let (bound, stage, escrow) = match (&stray.destination, left) {
                (Some(bound), Left::Source) => {
                    (bound, Stage::DstWithdrawal, stray.destination_escrow(world))
                }
                _ => (&stray.source, Stage::SrcWithdrawal, stray.source_escrow(world)),
            };
            world.until_time(bound.timelocks.at(stage)).await;
            let data = calldata::withdraw(stray.maker.dialect(), &stray.maker.secret(), bound);
            sent.push(send(&mut wallet, escrow, U256::ZERO, data).await);
        }
        world.mined(chain, &sent, "a withdrawal of Bob's").await;
    }
}

/// The leg that Bob left was ended by our transaction, in the way that is fair.
async fn ended_by_us(world: &World, stray: &Stray) {
    let hash = stray.maker.offer.id.hash;
    let swaps = world.swaps().await;
    let swap = swaps.into_iter().find(|it| it.order_hash == hash.0).expect("watched");
    assert_eq!((swap.origin, swap.status), (OrderOrigin::Watched, SwapStatus::Kept));
    let (chain, end, kind) = match stray.left {
        Left::Source => (0, swap.source.and_then(|it| it.end), EndKind::Withdrawn),
        Left::Destination => (1, swap.destination.and_then(|it| it.end), EndKind::Withdrawn),
        Left::Refund => (0, swap.source.and_then(|it| it.end), EndKind::Cancelled),
    };
    let end = end.expect("an end");
    assert_eq!(end.kind, kind, "{:?}", stray.left);
    assert_eq!(world.chains[chain].sender(end.at.tx_hash).await, us(), "{:?}", stray.left);
}
