//! Tests of the whole store.

mod backups;
mod blocks;
mod bulk_crash;
mod crash;
mod damage;
mod fixtures;
mod forget;
mod full;
mod opening;
mod operational;
mod paths;
mod prune;
mod prune_swaps;
mod reads;
mod reorg;
mod retain;
mod schemas;
mod sealing;
mod totals;
mod upgrade;
mod views;
