//! Leases: who alone may do something for a while, such as bring a log's entries into its tree.
//!
//! Each change is a compare-and-set on the very lease that its holder knows, with `now` handed in. A holder's name is its
//! own: a process that starts anew takes a new one.

use ph_base::Timestamp;

use crate::schema::sql;
use crate::{StoreError, Writing};

/// A lease as it was taken or renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// When it lapses; from then on it is not held.
    pub until: Timestamp,
}

impl Writing<'_> {
    /// Takes a lease that is free or has lapsed at `now`; whether it is now the caller's.
    ///
    /// # Errors
    /// [`StoreError::Sql`].
    pub fn acquire_lease(&mut self, lease: &Lease, now: Timestamp) -> Result<bool, StoreError> {
        let Lease { name, holder, until } = lease;
        let mut acquire = self.savepoint.prepare_cached(sql::ACQUIRE)?;
        Ok(acquire.execute((name, holder, until.0, now.0))? == 1)
    }

    /// Lengthens a lease that is held until `until`; returns it as it is then.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] where it has lapsed at `now` or is another's.
    pub fn renew_lease(&mut self, lease: &Lease, until: Timestamp, now: Timestamp) -> Result<Lease, StoreError> {
        let mut renew = self.savepoint.prepare_cached(sql::RENEW)?;
        let renewed = renew.execute((&lease.name, &lease.holder, lease.until.0, until.0, now.0))?;
        if renewed == 1 { Ok(Lease { until, ..lease.clone() }) } else { Err(lost(lease)) }
    }

    /// Gives a lease back; nothing happens where it is another's by now.
    ///
    /// # Errors
    /// [`StoreError::Sql`].
    pub fn release_lease(&mut self, lease: &Lease) -> Result<(), StoreError> {
        let mut release = self.savepoint.prepare_cached(sql::RELEASE)?;
        release.execute((&lease.name, &lease.holder, lease.until.0))?;
        Ok(())
    }

    /// Fails unless the lease is held at `now`: for the closure whose writes only its holder may make.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub fn require_lease(&mut self, lease: &Lease, now: Timestamp) -> Result<(), StoreError> {
        let mut held = self.savepoint.prepare_cached(sql::HELD)?;
        let is_held = held.query_row((&lease.name, &lease.holder, lease.until.0, now.0), |row| row.get(0))?;
        if is_held { Ok(()) } else { Err(lost(lease)) }
    }
}

fn lost(lease: &Lease) -> StoreError {
    StoreError::LeaseLost { name: lease.name.clone(), holder: lease.holder.clone() }
}
