//! Looks at endpoints that nobody asked for anything in particular.

use crate::{fault::Fault, pool::Pool, reader::LATEST, wire::WireHeader};
use bmn_chain::Header;
use futures_util::future::join_all;
use serde_json::json;

impl Pool {
    /// An endpoint's head.
    pub(crate) async fn latest(&self, at: usize) -> Result<Header, Fault> {
        let params = json!([LATEST, false]);
        let found: Option<WireHeader> = self.ask(at, "eth_getBlockByNumber", params).await?;
        let header = Header::from(found.ok_or_else(|| Fault::NotYet("no block".to_owned()))?);
        self.saw_head(at, &header);
        Ok(header)
    }

    /// Remembers the head an endpoint named.
    pub(crate) fn saw_head(&self, at: usize, head: &Header) {
        self.known(at, |known| known.head = Some(head.block_ref()));
        let best = self.best_head();
        self.known(at, |known| known.behind = best.saturating_sub(head.number));
    }

    /// The highest block that as many endpoints have as must agree: one that names a head far above
    /// all others does not make them look bad.
    fn best_head(&self) -> u64 {
        let head = |at: usize| self.known(at, |known| Some(known.head?.number));
        let mut heads: Vec<u64> = (0..self.len()).filter_map(head).collect();
        heads.sort_unstable_by(|a, b| b.cmp(a));
        let place = self.agreement.max(1).min(heads.len()).saturating_sub(1);
        heads.get(place).copied().unwrap_or_default()
    }

    /// Heads that were measured at the same time can be compared in both directions.
    fn compare_heads(&self, of: &[usize]) {
        let best = self.best_head();
        for at in of {
            self.known(*at, |known| {
                let number = known.head.map_or(0, |head| head.number);
                known.behind = best.saturating_sub(number);
            });
        }
    }

    /// Measures heads and latencies of all that may be asked, and checks their chains again: one that
    /// was left behind may have caught up, one that follows another chain may have come back, and
    /// the other way round.
    pub(crate) async fn probe(&self) {
        let look = |at: usize| async move {
            self.recheck_chain(at).await.ok()?;
            self.latest(at).await.ok().map(|_| at)
        };
        let seen = join_all(self.ready().into_iter().map(look)).await;
        let seen: Vec<usize> = seen.into_iter().flatten().collect();
        self.compare_heads(&seen);
    }
}
