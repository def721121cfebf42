//! The database with a real PostgreSQL: the private cluster's life, roles and migrations, dreams, jobs.

mod cluster;
mod command;
mod disk;
mod dreams;
mod external;
mod jobs;
mod process;
mod reembed;
mod remarks;
mod roles;
