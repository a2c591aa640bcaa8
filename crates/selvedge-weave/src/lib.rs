//! Source text plus aspects gives insertions and a report; pure, no IO.
