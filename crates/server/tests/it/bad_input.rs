//! Malformed, oversized and hostile input. The numbers are the rows of the project's catalogue of
//! bad input; each row is a test of its own.

mod bodies;
mod changes;
mod ids;
mod keys;
mod lists;
mod names;
mod slow;
mod transport;
