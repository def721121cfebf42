-- Word of what changes in a person's journal, for streams that are open on whichever server of this database: owner, dream and
-- what became of it. Told when the transaction is whole.
CREATE FUNCTION tell_of_dream() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'interpretations' THEN
        PERFORM pg_notify('oneiros_events', concat_ws(' ', NEW.owner_id, NEW.dream_id, 'read'));
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM pg_notify('oneiros_events', concat_ws(' ', NEW.owner_id, NEW.id, 'kept'));
    ELSE
        PERFORM pg_notify('oneiros_events', concat_ws(' ', OLD.owner_id, OLD.id, 'deleted'));
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER told AFTER INSERT OR DELETE ON dreams FOR EACH ROW EXECUTE FUNCTION tell_of_dream();
-- A reading that is made anew takes the former one's row.
CREATE TRIGGER told AFTER INSERT OR UPDATE ON interpretations FOR EACH ROW EXECUTE FUNCTION tell_of_dream();
