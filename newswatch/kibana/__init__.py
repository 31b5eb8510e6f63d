"""What people look at in Kibana: data views, saved searches, a few maps and dashboards, and bringing them there."""
