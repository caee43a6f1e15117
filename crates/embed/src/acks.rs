//! How far the node may prune and shorten its write-ahead log.

use bmn_primitives::BlockRef;
use tokio::sync::watch;

/// The newest block that the node need not keep for us (design rule I5). The source raises it when blocks
/// are durable and final, and lowers it when the index begins again further back: what is read again must
/// not be pruned meanwhile.
#[derive(Debug, Clone)]
pub struct Acks(watch::Sender<Option<BlockRef>>);

impl Default for Acks {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Acks {
    /// Everything up to `block` is durable with us and final.
    pub fn acknowledge(&self, block: BlockRef) {
        self.0.send_if_modified(|now| {
            let raises = now.is_none_or(|now| now.number < block.number);
            if raises {
                *now = Some(block);
            }
            raises
        });
    }

    /// What is above `block` is needed, whatever was acknowledged.
    pub fn hold(&self, block: BlockRef) {
        self.0.send_if_modified(|now| {
            let lowers = now.is_some_and(|now| now.number > block.number);
            if lowers {
                *now = Some(block);
            }
            lowers
        });
    }

    /// What is acknowledged now.
    pub fn newest(&self) -> Option<BlockRef> {
        *self.0.borrow()
    }

    /// Told of every change.
    pub fn changes(&self) -> watch::Receiver<Option<BlockRef>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::block;

    fn at(number: u64) -> BlockRef {
        block(number, 0).header.block_ref()
    }

    #[test]
    fn it_rises_with_what_is_final_and_falls_when_blocks_are_needed_again() {
        let acks = Acks::default();
        acks.hold(at(3));
        assert_eq!(acks.newest(), None, "nothing was acknowledged, nothing is taken back");
        let mut changes = acks.changes();
        for (number, expected) in [(5, 5), (4, 5), (9, 9)] {
            acks.acknowledge(at(number));
            assert_eq!(acks.newest(), Some(at(expected)));
        }
        changes.mark_unchanged();
        acks.hold(at(9));
        acks.acknowledge(at(9));
        assert!(!changes.has_changed().unwrap(), "nothing new");
        acks.hold(at(2));
        assert_eq!(acks.newest(), Some(at(2)));
    }
}
