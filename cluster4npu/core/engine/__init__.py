"""The engine: one manager process, one worker process per device, frames in shared memory."""
