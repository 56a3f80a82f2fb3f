//! Running it: contract, sections 5 to 7.

mod backup;
mod commands;
mod drain;
mod files;
mod housekeeping;
mod lifecycle;
mod moving;
mod one_file;
mod pepper_drill;
mod pepper_rotation;
mod peppers;
mod postgres;
mod probes;
mod removal;
mod settings;
mod upgrades;
mod volumes;
