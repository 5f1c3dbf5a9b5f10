-- Each kind of job waits for a room of its own: its oldest is found past the other's.
-- on_loss is in the first for those who read the index alone; the other knows it.
DROP INDEX job_waiting;
CREATE INDEX job_waiting_plain ON job (queue, no, on_loss)
    WHERE state = 0 AND on_loss < 2;
CREATE INDEX job_waiting_journalled ON job (queue, no) WHERE state = 0 AND on_loss = 2;
