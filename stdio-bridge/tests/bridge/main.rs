//! The bridge over HTTP, in front of real children that misbehave. A test's name is the rule it checks; the codes
//! in the names are those of the attack checklist (H-…, I-…) and of the holes of prior systems (H-40 and up).
#![expect(
    clippy::needless_pass_by_value,
    reason = "tests read better without borrows of what is made on the spot"
)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failed test")]

#[cfg(test)]
mod children;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod initialize;
#[cfg(test)]
mod modern;
#[cfg(test)]
mod program;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod translated;
