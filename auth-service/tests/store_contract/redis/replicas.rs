//! Two replicas of the service on one Redis.
