//! The places of a queue: how many requests are served or wait, and how many of them may be one asker's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Asker, rhythm::Rhythm};

/// So many places, of which one asker may hold a part: whoever asks for too much leaves room for others.
pub struct Places {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken>,
    rhythm: Rhythm,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by: HashMap<Asker, usize>,
}

/// A place; given up when it is dropped.
pub struct Place {
    places: Arc<Places>,
    /// `None`: nobody's in particular.
    asker: Option<Asker>,
}

impl Places {
    /// `most` in all, `most_of_one` of one asker.
    pub fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_one, taken: Mutex::default(), rhythm: Rhythm::default() })
    }

    /// A place for this asker, or after how long one should be free.
    pub fn take(self: &Arc<Self>, asker: &Asker) -> Result<Place, Duration> {
        let mut taken = self.lock();
        let held = taken.by.get(asker).copied().unwrap_or(0);
        if taken.all >= self.most || held >= self.most_of_one {
            return Err(self.rhythm.retry_after());
        }
        taken.all += 1;
        taken.by.insert(asker.clone(), held + 1);
        Ok(Place { places: Arc::clone(self), asker: Some(asker.clone()) })
    }

    /// A place for somebody whose name is not known yet.
    pub fn take_unnamed(self: &Arc<Self>) -> Result<Place, Duration> {
        let mut taken = self.lock();
        if taken.all >= self.most {
            return Err(self.rhythm.retry_after());
        }
        taken.all += 1;
        Ok(Place { places: Arc::clone(self), asker: None })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(asker) = &self.asker
            && let Some(held) = taken.by.get_mut(asker)
        {
            *held -= 1;
            if *held == 0 {
                taken.by.remove(asker);
            }
        }
        // One that was only held says nothing of how long requests take.
        if self.asker.is_some() {
            self.places.rhythm.beat(taken.all > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asker_leaves_room_for_others_and_places_come_back() {
        let places = Places::new(6, 3);
        let [greedy, modest, third] = ["greedy", "modest", "third"].map(Asker::named);
        let mut held: Vec<Place> = (0..3).map(|_| places.take(&greedy).ok().unwrap()).collect();
        assert!(places.take(&greedy).is_err(), "half of them are enough for one");
        held.extend((0..3).map(|_| places.take(&modest).ok().unwrap()));
        assert!(places.take(&third).is_err(), "all are taken");
        drop(held.remove(0));
        assert_eq!((places.taken(), places.take(&greedy).is_ok()), (5, true));
        held.clear();
        assert_eq!(places.taken(), 0);
        assert!(places.lock().by.is_empty(), "whoever has left is forgotten");
    }
}
