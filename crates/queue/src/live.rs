//! Rules that can be changed while everything that judges by them goes on.

use crate::{QueueError, Rules};
use bmn_swap::Route;
use parking_lot::Mutex;
use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Most versions of the rules in one run, the first included. All are kept until the end, so that whoever judges
/// keeps the version that he began with, without a lock and however long he waits for a chain.
pub const MOST_VERSIONS: usize = 256;

/// The newest version of the rules. Clones share it.
///
/// It stands for the rules of the moment ([`Deref`]): two uses may see two versions, one borrow sees one. A decision
/// borrows once.
#[derive(Clone)]
pub struct LiveRules(Arc<Versions>);

struct Versions {
    first: Rules,
    later: Box<[OnceLock<Rules>]>,
    /// Position in `later`; beyond it is the first one.
    current: AtomicUsize,
    /// How many of `later` are there.
    count: Mutex<usize>,
}

/// The position of the first one.
const FIRST: usize = MOST_VERSIONS;

impl LiveRules {
    /// Makes other rules the newest version. A version that was there before is taken again. Prices and limits may
    /// differ; account, chains, factories and tokens are what the index and open transactions rest on.
    ///
    /// # Errors
    /// [`QueueError::OtherChains`], [`QueueError::TooManyVersions`]: nothing is changed.
    pub fn replace(&self, rules: Rules) -> Result<(), QueueError> {
        let all = &self.0;
        if !is_like(&all.first, &rules) {
            return Err(QueueError::OtherChains);
        }
        let mut count = all.count.lock();
        let known = all.later.iter().take(*count).position(|it| it.get() == Some(&rules));
        let position = if all.first == rules { Some(FIRST) } else { known };
        let position = match position {
            Some(position) => position,
            None => {
                let free = all.later.get(*count).ok_or(QueueError::TooManyVersions)?;
                // The slot is ours alone under the lock.
                let _ = free.set(rules);
                *count += 1;
                *count - 1
            }
        };
        all.current.store(position, Ordering::Release);
        Ok(())
    }
}

impl Deref for LiveRules {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        let all = &*self.0;
        let current = all.later.get(all.current.load(Ordering::Acquire));
        current.and_then(OnceLock::get).unwrap_or(&all.first)
    }
}

impl From<Rules> for LiveRules {
    fn from(first: Rules) -> Self {
        let later = (1..MOST_VERSIONS).map(|_| OnceLock::new()).collect();
        let (current, count) = (AtomicUsize::new(FIRST), Mutex::new(0));
        Self(Arc::new(Versions { first, later, current, count }))
    }
}

impl From<Arc<Rules>> for LiveRules {
    fn from(rules: Arc<Rules>) -> Self {
        Arc::unwrap_or_clone(rules).into()
    }
}

impl fmt::Debug for LiveRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveRules").field(&**self).finish()
    }
}

/// Whether they differ in prices and limits at most.
fn is_like(one: &Rules, other: &Rules) -> bool {
    let routes = one.routes.iter().zip(&other.routes);
    let are_like = routes.into_iter().all(|(one, other)| *one == without_figures(other, one));
    one.us == other.us && one.routes.len() == other.routes.len() && are_like
}

/// A route with the prices and limits of another one.
fn without_figures(route: &Route, figures: &Route) -> Route {
    let mut route = route.clone();
    for (token, other) in route.tokens.iter_mut().zip(&figures.tokens) {
        token.price = other.price;
    }
    route.min_order_value = figures.min_order_value;
    route.limits.token_caps.clone_from(&figures.limits.token_caps);
    route.limits.factory_caps.clone_from(&figures.limits.factory_caps);
    route
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::Address;
    use bmn_primitives::ErrorClass;
    use bmn_swap::{OrderLimits, Policy};

    fn rules(max_order_value: u128) -> Rules {
        let policy = Policy {
            min_profit_bps: 10,
            max_order_value,
            maker_reaction: 60,
            max_window: 86_400,
            allow_direct_source: false,
            max_open_orders: 10,
            cancel_refused_gas: 150_000,
            limits: OrderLimits::default(),
        };
        Rules { us: Address::repeat_byte(1), routes: Vec::new(), policy }
    }

    #[test]
    fn every_clone_sees_the_newest_and_a_borrow_keeps_what_it_began_with() {
        let live = LiveRules::from(rules(1));
        let clone = live.clone();
        let begun: &Rules = &clone;
        live.replace(rules(2)).unwrap();
        assert_eq!((begun.policy.max_order_value, clone.policy.max_order_value), (1, 2));
        live.replace(rules(1)).unwrap();
        assert_eq!(clone.policy.max_order_value, 1);
    }

    #[test]
    fn versions_are_bounded_and_an_old_one_needs_no_room() {
        let live = LiveRules::from(rules(0));
        let most = u128::try_from(MOST_VERSIONS).unwrap();
        (1..most).for_each(|value| live.replace(rules(value)).unwrap());
        let refused = live.replace(rules(most)).unwrap_err();
        assert!(matches!(refused, QueueError::TooManyVersions));
        assert_eq!(refused.class(), ErrorClass::Permanent);
        assert_eq!(live.policy.max_order_value, most - 1);
        for value in [0, 7] {
            live.replace(rules(value)).unwrap();
            assert_eq!(live.policy.max_order_value, value);
        }
    }

    #[test]
    fn another_account_is_no_change_of_rules() {
        let live = LiveRules::from(rules(1));
        let other = Rules { us: Address::repeat_byte(2), ..rules(2) };
        assert!(matches!(live.replace(other).unwrap_err(), QueueError::OtherChains));
        assert_eq!(live.policy.max_order_value, 1);
    }
}
