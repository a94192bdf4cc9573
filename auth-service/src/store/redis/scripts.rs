//! The scripts: each verb that touches more than one key is one of them, so that it happens whole or not at all.

use fred::types::scripts::Script;

use super::super::{FamilyOpening, Rotation};
use crate::domain::device::{FIRST_INTERVAL, SLOW_DOWN};
use crate::domain::revocation::{LEEWAY, LONGEST_ACCESS_TOKEN};
use crate::domain::token::Trail;

/// Seconds for which a key outlives its record, for clocks that differ and for a purge that comes late.
const MARGIN: u64 = 86_400;

/// Most records that one script ends: a few tens of milliseconds in which Redis answers nobody else. What is more is cut by another run of it.
const CUT: u64 = 1000;

/// The scripts, ready to be called by their hash.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) insert: Script,
    pub(super) insert_granted: Script,
    pub(super) extend: Script,
    pub(super) replace_client: Script,
    pub(super) remove_client: Script,
    pub(super) take: Script,
    pub(super) spend: Script,
    pub(super) remove: Script,
    pub(super) redeem: Script,
    pub(super) insert_device: Script,
    pub(super) answer_device: Script,
    pub(super) poll_device: Script,
    pub(super) rotate: Script,
    pub(super) end_family: Script,
    pub(super) revoke: Script,
    pub(super) cut_off: Script,
    pub(super) feed: Script,
    pub(super) purge: Script,
    pub(super) withdraw: Script,
    pub(super) holdings: Script,
    pub(super) users: Script,
    pub(super) list: Script,
    pub(super) count: Script,
    pub(super) restore: Script,
    pub(super) memory: Script,
}

impl Scripts {
    /// All of them, with the bounds that the domain sets.
    pub(super) fn new() -> Self {
        Self {
            insert: script(include_str!("lua/insert.lua")),
            insert_granted: script(include_str!("lua/insert_granted.lua")),
            extend: script(include_str!("lua/extend.lua")),
            replace_client: script(include_str!("lua/replace_client.lua")),
            remove_client: script(include_str!("lua/remove_client.lua")),
            take: script(include_str!("lua/take.lua")),
            spend: script(include_str!("lua/spend.lua")),
            remove: script(include_str!("lua/remove.lua")),
            redeem: script(include_str!("lua/redeem.lua")),
            insert_device: script(include_str!("lua/insert_device.lua")),
            answer_device: script(include_str!("lua/answer_device.lua")),
            poll_device: script(include_str!("lua/poll_device.lua")),
            rotate: script(include_str!("lua/rotate.lua")),
            end_family: script(include_str!("lua/end_family.lua")),
            revoke: script(include_str!("lua/revoke.lua")),
            cut_off: script(include_str!("lua/cut_off.lua")),
            feed: script(include_str!("lua/feed.lua")),
            purge: script(include_str!("lua/purge.lua")),
            withdraw: script(include_str!("lua/withdraw.lua")),
            holdings: script(include_str!("lua/holdings.lua")),
            users: script(include_str!("lua/users.lua")),
            list: script(include_str!("lua/list.lua")),
            count: script(include_str!("lua/count.lua")),
            restore: script(include_str!("lua/restore.lua")),
            memory: script(include_str!("lua/memory.lua")),
        }
    }
}

fn script(body: &str) -> Script {
    let bounds = [
        ("LEEWAY", LEEWAY),
        ("LONGEST_ACCESS_TOKEN", LONGEST_ACCESS_TOKEN),
        ("MARGIN", MARGIN),
        ("CUT", CUT),
        ("MAX_TOKENS", Trail::MAX as u64),
        ("MAX_FAMILIES", FamilyOpening::MOST as u64),
        ("MAX_RETIRED", Rotation::MAX_RETIRED as u64),
        ("FIRST_INTERVAL", FIRST_INTERVAL),
        ("SLOW_DOWN", SLOW_DOWN),
    ];
    let bounds = bounds.map(|(name, value)| format!("local {name} = {value}\n")).concat();
    Script::from_lua(format!("{bounds}{}\n{body}", include_str!("lua/prelude.lua")))
}
