//! What the hosts show: asked seldom, remembered between.

use bmn_alerts::ChainFacts;
use bmn_chain::ChainClient;
use futures_util::future::join_all;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Between two questions to a host, milliseconds: 120 an hour, a third of what a chain may cost (S1-07).
const EVERY: u64 = 30_000;

/// How long a host may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of a host.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    number: Option<u64>,
    /// When it showed that block first, milliseconds since 1970.
    since_ms: u64,
    asked_ms: Option<u64>,
    answers: bool,
    /// A newer block came since the first one.
    moved: bool,
}

pub(super) struct Heads {
    clients: Vec<Arc<dyn ChainClient>>,
    known: Mutex<BTreeMap<u64, Head>>,
}

impl Heads {
    pub(super) fn new(clients: Vec<Arc<dyn ChainClient>>) -> Self {
        Self { clients, known: Mutex::default() }
    }

    /// Asks the hosts whose time it is.
    pub(super) async fn ask(&self, now_ms: u64) {
        let due: Vec<_> = {
            let known = self.known.lock();
            let is_due = |client: &&Arc<dyn ChainClient>| {
                let head = known.get(&client.chain_id().0);
                let asked = head.and_then(|head| head.asked_ms);
                asked.is_none_or(|asked| now_ms < asked || now_ms - asked >= EVERY)
            };
            self.clients.iter().filter(is_due).cloned().collect()
        };
        let asked = due.iter().map(|client| async {
            let head = timeout(PATIENCE, client.head()).await;
            (client.chain_id().0, head.ok().and_then(Result::ok).map(|head| head.number))
        });
        let answers = join_all(asked).await;
        let mut known = self.known.lock();
        for (chain, answer) in answers {
            let head = known.entry(chain).or_default();
            head.answers = answer.is_some();
            head.asked_ms = Some(now_ms);
            head.show(answer, now_ms);
        }
    }

    /// What is known now. A block that was indexed was shown, even between two questions.
    pub(super) fn facts(&self, indexed: &BTreeMap<u64, u64>, now_ms: u64) -> Vec<ChainFacts> {
        let mut known = self.known.lock();
        let of = |client: &Arc<dyn ChainClient>| {
            let chain = client.chain_id().0;
            let head = known.entry(chain).or_default();
            let indexed = indexed.get(&chain).copied();
            if indexed > head.number {
                head.show(indexed, now_ms);
            }
            ChainFacts {
                chain,
                indexed,
                head: head.number,
                head_age: now_ms.saturating_sub(head.since_ms) / 1_000,
                answers: head.answers,
                moved: head.moved,
            }
        };
        self.clients.iter().map(of).collect()
    }
}

impl Head {
    fn show(&mut self, number: Option<u64>, now_ms: u64) {
        // The first look begins to count; a clock that is set back begins again.
        if self.since_ms == 0
            || self.since_ms > now_ms
            || (number.is_some() && number != self.number)
        {
            self.since_ms = now_ms;
        }
        self.moved |= self.number.is_some() && number > self.number;
        self.number = number.or(self.number);
    }
}
