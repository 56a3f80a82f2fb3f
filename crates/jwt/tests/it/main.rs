//! What is a session, and what is refused, with tokens of the RFCs, of another library and of attackers.

mod attacks;
mod claims;
mod keys;
mod published;
mod vectors;
mod world;
