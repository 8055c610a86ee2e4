-- Who may want to know later: what was changed about businesses, bots, pipelines and webhooks, written by the change itself.

-- Append-only. Ids and counts alone: it stays when a business is erased, and tells nothing of anybody.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    business_id INTEGER,
    at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT
) STRICT;
CREATE INDEX audit_business ON audit (business_id, id);
CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_is_fixed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;

CREATE TRIGGER audit_business_added AFTER INSERT ON business BEGIN
    INSERT INTO audit (business_id, action, subject) VALUES (new.id, 'business.added', 'biz_' || new.id);
END;
CREATE TRIGGER audit_business_renamed AFTER UPDATE OF name, slug ON business
WHEN new.name IS NOT old.name OR new.slug IS NOT old.slug BEGIN
    INSERT INTO audit (business_id, action, subject) VALUES (new.id, 'business.renamed', 'biz_' || new.id);
END;
CREATE TRIGGER audit_business_state AFTER UPDATE OF state ON business WHEN new.state <> old.state BEGIN
    INSERT INTO audit (business_id, action, subject)
    VALUES (new.id, CASE new.state WHEN 'active' THEN 'business.resumed' ELSE 'business.suspended' END, 'biz_' || new.id);
END;
CREATE TRIGGER audit_business_setting AFTER UPDATE OF on_unknown, raw_retention_days ON business
WHEN new.on_unknown IS NOT old.on_unknown OR new.raw_retention_days IS NOT old.raw_retention_days BEGIN
    INSERT INTO audit (business_id, action, subject, detail)
    VALUES (new.id, 'business.set', 'biz_' || new.id,
        'on_unknown ' || new.on_unknown || ', raw updates ' || new.raw_retention_days || 'd');
END;
CREATE TRIGGER audit_business_removing AFTER UPDATE OF removing_at ON business
WHEN new.removing_at IS NOT NULL AND old.removing_at IS NULL BEGIN
    INSERT INTO audit (business_id, action, subject) VALUES (new.id, 'business.erasure_begun', 'biz_' || new.id);
END;
CREATE TRIGGER audit_business_erased AFTER DELETE ON business BEGIN
    INSERT INTO audit (business_id, action, subject) VALUES (old.id, 'business.erased', 'biz_' || old.id);
END;

CREATE TRIGGER audit_bot_added AFTER INSERT ON bot BEGIN
    INSERT INTO audit (business_id, action, subject) VALUES (new.business_id, 'bot.added', 'bot_' || new.id);
END;
CREATE TRIGGER audit_bot_state AFTER UPDATE OF state ON bot WHEN new.state <> old.state BEGIN
    INSERT INTO audit (business_id, action, subject)
    VALUES (new.business_id,
        CASE WHEN new.state = 'active' AND old.state = 'removed' THEN 'bot.added'
            WHEN new.state = 'active' THEN 'bot.resumed' ELSE 'bot.' || new.state END,
        'bot_' || new.id);
END;
CREATE TRIGGER audit_bot_token AFTER UPDATE OF token_version ON bot
WHEN new.token_version <> old.token_version AND old.state <> 'removed' BEGIN
    INSERT INTO audit (business_id, action, subject, detail)
    VALUES (new.business_id, 'bot.rotated', 'bot_' || new.id, 'token version ' || new.token_version);
END;
CREATE TRIGGER audit_bot_health AFTER UPDATE OF health ON bot
WHEN new.health <> old.health AND new.health = 'token_revoked' BEGIN
    INSERT INTO audit (business_id, action, subject) VALUES (new.business_id, 'bot.token_revoked', 'bot_' || new.id);
END;

CREATE TRIGGER audit_pipeline_set AFTER INSERT ON active_pipeline BEGIN
    INSERT INTO audit (business_id, action, subject) VALUES (new.business_id, 'pipeline.set', 'version ' || new.number);
END;
CREATE TRIGGER audit_pipeline_changed AFTER UPDATE OF number ON active_pipeline WHEN new.number <> old.number BEGIN
    INSERT INTO audit (business_id, action, subject) VALUES (new.business_id, 'pipeline.set', 'version ' || new.number);
END;
CREATE TRIGGER audit_pipeline_off AFTER DELETE ON active_pipeline BEGIN
    INSERT INTO audit (business_id, action, subject) VALUES (old.business_id, 'pipeline.off', 'version ' || old.number);
END;

CREATE TRIGGER audit_webhook_secret AFTER UPDATE OF secret_version ON webhook_endpoint
WHEN new.secret_version <> old.secret_version BEGIN
    INSERT INTO audit (business_id, action, subject, detail)
    VALUES (new.business_id, 'webhook.secret', 'whk_' || new.id, 'secret version ' || new.secret_version);
END;
CREATE TRIGGER audit_webhook_secret_added AFTER INSERT ON webhook_endpoint WHEN new.secret_version > 0 BEGIN
    INSERT INTO audit (business_id, action, subject, detail)
    VALUES (new.business_id, 'webhook.secret', 'whk_' || new.id, 'secret version ' || new.secret_version);
END;
CREATE TRIGGER audit_webhook_state AFTER UPDATE OF state ON webhook_endpoint WHEN new.state <> old.state BEGIN
    INSERT INTO audit (business_id, action, subject) VALUES (new.business_id, 'webhook.' || new.state, 'whk_' || new.id);
END;
