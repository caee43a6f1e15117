//! Price sources that lie, stop, answer nonsense or too much: what they leave in the store, and what
//! an order is told then.

use alloy::primitives::{Address, B256, Bytes, I256, U256, keccak256};
use async_trait::async_trait;
use bmn_chain::{
    CallOutcome, CallRequest, ChainClient, ChainError, Fees, RawReceipts, Simulation, TxReceipt,
};
use bmn_node::{
    Clock, FeedPrice, HttpPrice, Listed, PoolPrice, PriceBook, PriceFault, PriceSource, Word,
    read_data_fee, read_price,
};
use bmn_primitives::{BlockRef, ChainId};
use bmn_sim::VirtualClock;
use bmn_store::{DecisionReads, Store, testing::CrashBackend};
use bmn_tests::memory_store;
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const CHAIN: ChainId = ChainId(10);
const CONTRACT: Address = Address::repeat_byte(0xfe);
const TOKEN: Address = Address::repeat_byte(0x70);
const OTHER: Address = Address::repeat_byte(0x71);
const HEAD: u64 = 5_000;

/// A chain that answers view functions by signature.
#[derive(Default)]
struct Answers(BTreeMap<[u8; 4], CallOutcome>);

impl Answers {
    fn with(mut self, signature: &str, words: &[U256]) -> Self {
        let bytes: Vec<u8> = words.iter().flat_map(U256::to_be_bytes::<32>).collect();
        self.0.insert(selector(signature), CallOutcome::Success(bytes.into()));
        self
    }
}

fn selector(signature: &str) -> [u8; 4] {
    keccak256(signature.as_bytes())[..4].try_into().expect("four bytes")
}

#[async_trait]
impl ChainClient for Answers {
    fn chain_id(&self) -> ChainId {
        CHAIN
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        Ok(BlockRef { number: 1, hash: B256::ZERO, time: HEAD })
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        let selector: [u8; 4] = call.data[..4].try_into().expect("a selector");
        let known = self.0.get(&selector).cloned();
        known.ok_or(ChainError::Unavailable { chain: CHAIN, reason: "no answer".to_owned() })
    }

    async fn simulate(&self, _: &CallRequest) -> Result<Simulation, ChainError> {
        unreachable!("prices are only read")
    }

    async fn nonce(&self, _: Address) -> Result<u64, ChainError> {
        unreachable!("prices are only read")
    }

    async fn balance(&self, _: Address) -> Result<U256, ChainError> {
        unreachable!("prices are only read")
    }

    async fn code(&self, _: Address) -> Result<Bytes, ChainError> {
        unreachable!("prices are only read")
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        unreachable!("prices are only read")
    }

    async fn send_raw(&self, _: &Bytes) -> Result<B256, ChainError> {
        unreachable!("prices are only read")
    }

    async fn receipt(&self, _: B256) -> Result<Option<TxReceipt>, ChainError> {
        unreachable!("prices are only read")
    }

    async fn mined_call(&self, _: B256) -> Result<Option<bmn_chain::MinedCall>, ChainError> {
        unreachable!("prices are only read")
    }

    async fn block_receipts(&self, _: B256) -> Result<Option<RawReceipts>, ChainError> {
        unreachable!("prices are only read")
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.nonce(account).await
    }
}

fn number(value: u64) -> U256 {
    U256::from(value)
}

fn feed(answer: U256, updated_at: u64, decimals: u64, rounds: (u64, u64)) -> Arc<Answers> {
    let round = [number(rounds.0), answer, number(1), number(updated_at), number(rounds.1)];
    let answers = Answers::default();
    Arc::new(answers.with("latestRoundData()", &round).with("decimals()", &[number(decimals)]))
}

async fn fed(client: Arc<Answers>) -> Result<Word, PriceFault> {
    FeedPrice::new(client, CONTRACT).ask().await
}

#[tokio::test]
async fn a_feed_s_answer_is_scaled_by_its_decimals_and_dated_by_itself() {
    let word = fed(feed(number(250_012_345_678), 4_000, 8, (7, 7))).await;
    assert_eq!(word, Ok(Word { micros: 2_500_123_456, at: 4_000 }));
}

#[tokio::test]
async fn a_feed_that_answers_nonsense_has_no_price() {
    let negative = I256::try_from(-5).expect("small").into_raw();
    for (case, client) in [
        ("zero", feed(U256::ZERO, 4_000, 8, (7, 7))),
        ("negative", feed(negative, 4_000, 8, (7, 7))),
        ("too large", feed(U256::MAX >> 1, 4_000, 0, (7, 7))),
        ("too small", feed(number(1), 4_000, 18, (7, 7))),
        ("an old round", feed(number(100_000_000), 4_000, 8, (7, 6))),
        ("no complete round", feed(number(100_000_000), 0, 8, (7, 7))),
        ("strange decimals", feed(number(100_000_000), 4_000, 300, (7, 7))),
        ("short", Arc::new(Answers::default().with("latestRoundData()", &[number(1)]))),
    ] {
        let answer = fed(client).await;
        assert!(matches!(answer, Err(PriceFault::Nonsense(_))), "{case}: {answer:?}");
    }
    let silent = fed(Arc::new(Answers::default())).await;
    assert!(matches!(silent, Err(PriceFault::Silent(_))), "{silent:?}");
}

async fn pooled(reserves: [u64; 2], tokens: [Address; 2]) -> Result<Word, PriceFault> {
    let ten = |zeros: u64| U256::from(10).pow(U256::from(zeros));
    let word = |token: Address| U256::from_be_bytes(token.into_word().0);
    // Whole tokens of 18 and of 6 decimals, in the pair's order.
    let scale = |token| if token == TOKEN { ten(18) } else { ten(6) };
    let reserve = |at: usize| number(reserves[at]) * scale(tokens[at]);
    let client = Answers::default()
        .with("getReserves()", &[reserve(0), reserve(1), number(1)])
        .with("token0()", &[word(tokens[0])])
        .with("token1()", &[word(tokens[1])]);
    PoolPrice::new(Arc::new(client), CONTRACT, (TOKEN, 18), (6, 1_000_000)).ask().await
}

#[tokio::test]
async fn a_pool_gives_its_middle_price_whichever_token_is_first() {
    let expected = Ok(Word { micros: 2_500_000_000, at: HEAD });
    assert_eq!(pooled([2, 5_000], [TOKEN, OTHER]).await, expected);
    assert_eq!(pooled([5_000, 2], [OTHER, TOKEN]).await, expected);
}

#[tokio::test]
async fn a_pool_that_is_empty_or_another_one_has_no_price() {
    for (reserves, tokens) in
        [([0, 5_000], [TOKEN, OTHER]), ([2, 0], [TOKEN, OTHER]), ([2, 5_000], [OTHER, OTHER])]
    {
        let answer = pooled(reserves, tokens).await;
        assert!(matches!(answer, Err(PriceFault::Nonsense(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_rollup_s_fee_for_data_is_read_with_its_own_upper_bound() {
    let client = Answers::default()
        .with("l1BaseFee()", &[number(20)])
        .with("blobBaseFee()", &[number(3)])
        .with("baseFeeScalar()", &[number(5_227)])
        .with("blobBaseFeeScalar()", &[number(1_014_213)])
        .with("getL1FeeUpperBound(uint256)", &[number(99)]);
    let (terms, at) = read_data_fee(&client).await.expect("it answers");
    assert_eq!((terms.l1_base_fee, terms.blob_base_fee, at), (20, 3, HEAD));
    assert_eq!(terms.stated, Some((1_000, number(99))));
    let wrong = client.with("baseFeeScalar()", &[U256::MAX]);
    assert!(matches!(read_data_fee(&wrong).await, Err(PriceFault::Nonsense(_))));
}

#[test]
fn a_price_in_a_document_is_a_plain_decimal() {
    let document = json!({
        "a": 1.5, "b": "2500.1234567", "c": 7, "zero": "0.0000001", "negative": -1, "exponent": "1e3",
        "text": "abc", "empty": "", "list": [ { "price": "3" } ], "huge": "99999999999999999999", "null": null,
    });
    for (pointer, micros) in
        [("/a", 1_500_000), ("/b", 2_500_123_456), ("/c", 7_000_000), ("/list/0/price", 3_000_000)]
    {
        assert_eq!(read_price(&document, pointer), Ok(micros), "{pointer}");
    }
    for pointer in [
        "/zero",
        "/negative",
        "/exponent",
        "/text",
        "/empty",
        "/list",
        "/huge",
        "/null",
        "/nowhere",
    ] {
        assert!(read_price(&document, pointer).is_err(), "{pointer}");
    }
}

/// A server that gives one answer and ends.
async fn answering(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/KEY", listener.local_addr().expect("an address"));
    #[allow(clippy::disallowed_methods, reason = "it ends with its only connection")]
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let mut request = [0; 4_096];
        let _ = socket.read(&mut request).await;
        // A client that has read enough hangs up.
        let _ = socket.write_all(answer.as_bytes()).await;
        let _ = socket.shutdown().await;
    });
    url
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

async fn asked(answer: String, time: Option<&str>) -> Result<Word, PriceFault> {
    let url = answering(answer).await;
    let clock = Arc::new(VirtualClock::starting_at(HEAD));
    let source = HttpPrice::new(&url, "/price".to_owned(), time.map(str::to_owned), clock);
    let answer = source.expect("a URL").ask().await;
    assert!(!format!("{answer:?}").contains("KEY"), "{answer:?}");
    answer
}

#[tokio::test]
async fn a_document_is_dated_by_itself_or_by_the_question() {
    let good = || ok(r#"{"price": "1.25", "time": 4000}"#);
    assert_eq!(asked(good(), None).await, Ok(Word { micros: 1_250_000, at: HEAD }));
    assert_eq!(asked(good(), Some("/time")).await, Ok(Word { micros: 1_250_000, at: 4_000 }));
}

#[tokio::test]
async fn what_is_no_document_with_a_price_has_none() {
    let endless = format!("\"{}\"", "x".repeat(300 * 1024));
    for (case, answer, time) in [
        ("no JSON", ok("<html>"), None),
        ("too long", ok(&endless), None),
        ("no price", ok("{}"), None),
        ("no time", ok(r#"{"price": 1}"#), Some("/time")),
    ] {
        let answer = asked(answer, time).await;
        assert!(matches!(answer, Err(PriceFault::Nonsense(_))), "{case}: {answer:?}");
    }
    for answer in [
        "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        "",
    ] {
        let answer = asked(answer.to_owned(), None).await;
        assert!(matches!(answer, Err(PriceFault::Silent(_))), "{answer:?}");
    }
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(HEAD));
    let wrong = HttpPrice::new("KEY", "/p".to_owned(), None, clock).expect_err("no URL");
    assert!(!wrong.to_string().contains("KEY"), "{wrong}");
}

/// A source that says what it is told to.
#[derive(Clone)]
struct Scripted(Arc<Mutex<Result<Word, PriceFault>>>);

impl Scripted {
    fn says(&self, word: Result<Word, PriceFault>) {
        *self.0.lock().expect("nobody panicked") = word;
    }
}

#[async_trait]
impl PriceSource for Scripted {
    async fn ask(&self) -> Result<Word, PriceFault> {
        self.0.lock().expect("nobody panicked").clone()
    }
}

/// Never answers.
struct Hangs;

#[async_trait]
impl PriceSource for Hangs {
    async fn ask(&self) -> Result<Word, PriceFault> {
        std::future::pending().await
    }
}

fn listed(name: &str, source: impl PriceSource + 'static) -> Listed {
    Listed { chain: CHAIN, token: TOKEN, name: name.to_owned(), source: Box::new(source) }
}

fn stored(store: &Store) -> Vec<(String, u64, u64)> {
    let quotes = store.read().expect("a snapshot").quotes().expect("quotes");
    let said = quotes.of(CHAIN, TOKEN).iter();
    said.map(|quote| (quote.source.clone(), quote.micros, quote.at)).collect()
}

#[tokio::test]
async fn a_source_that_stops_keeps_its_last_word_and_one_that_lies_loses_it() {
    let store = memory_store(&CrashBackend::new());
    let script = Scripted(Arc::new(Mutex::new(Ok(Word { micros: 5, at: 100 }))));
    let book = PriceBook::new(store.clone(), vec![listed("feed", script.clone())], vec![]);
    book.refresh().await.expect("the store works");
    let first = vec![("feed".to_owned(), 5, 100)];
    assert_eq!(stored(&store), first);
    script.says(Err(PriceFault::Silent("gone".to_owned())));
    book.refresh().await.expect("the store works");
    assert_eq!(stored(&store), first, "it ages, and its age is judged elsewhere");
    for nonsense in [Err(PriceFault::Nonsense("zero".to_owned())), Ok(Word { micros: 0, at: 1 })] {
        script.says(Ok(Word { micros: 6, at: 200 }));
        book.refresh().await.expect("the store works");
        assert_eq!(stored(&store), [("feed".to_owned(), 6, 200)]);
        script.says(nonsense);
        book.refresh().await.expect("the store works");
        assert_eq!(stored(&store), []);
    }
}

#[tokio::test]
async fn one_source_that_hangs_does_not_keep_the_others_from_being_heard() {
    let store = memory_store(&CrashBackend::new());
    let script = Scripted(Arc::new(Mutex::new(Ok(Word { micros: 5, at: 100 }))));
    let sources = vec![listed("hangs", Hangs), listed("pool", script)];
    // What is ready is heard, however short the time.
    let book = PriceBook::new(store.clone(), sources, vec![]).with_patience(Duration::ZERO);
    book.refresh().await.expect("the store works");
    assert_eq!(stored(&store), [("pool".to_owned(), 5, 100)]);
}

#[tokio::test]
async fn a_source_that_is_listed_no_more_is_forgotten_at_the_next_start() {
    let store = memory_store(&CrashBackend::new());
    let script = || Scripted(Arc::new(Mutex::new(Ok(Word { micros: 5, at: 100 }))));
    let both = vec![listed("feed", script()), listed("pool", script())];
    PriceBook::new(store.clone(), both, vec![]).refresh().await.expect("the store works");
    assert_eq!(stored(&store).len(), 2);
    let one = vec![listed("pool", script())];
    PriceBook::new(store.clone(), one, vec![]).refresh().await.expect("the store works");
    assert_eq!(stored(&store), [("pool".to_owned(), 5, 100)]);
}
